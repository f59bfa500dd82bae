import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';

const outputBytesMax = 16 * 1024 * 1024;

export interface CommandOutcome {
  readonly ok: boolean;
  /** Standard output and standard error, in that order. */
  readonly output: string;
}

export interface CommandOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  /** The whole environment; by default this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs a program to its end; a missing program or a failure is an outcome, not an exception. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  return new Promise((resolve) => {
    execFile(file, args, { ...options, maxBuffer: outputBytesMax }, (error, stdout, stderr) => {
      const reason = error === null ? '' : `\n${error.message}`;
      resolve({ ok: error === null, output: `${stdout}${stderr}${reason}` });
    });
  });
}

/** The folders in which programs are looked for, and where Java is if the environment says so. */
export function machine(): { readonly path: string; readonly javaHome: string | undefined } {
  const environment = processEnvironment();
  return { path: environment['PATH'] ?? '', javaHome: environment['JAVA_HOME'] };
}

/** The first of these programs that is on the PATH, as an absolute path. */
export function onPath(names: readonly string[], path = machine().path): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(executableFile);
}

function executableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
