import { spawn } from 'node:child_process';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';

export interface ProgramRun {
  readonly code: number;
  readonly output: string;
}

/** Runs a load generator to its end. What it writes to standard error is progress; the answer holds the rest. */
export async function runProgram(
  [file = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ProgramRun> {
  const env = { ...processEnvironment(), ...environment };
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  return { code, output: Buffer.concat(chunks).toString() };
}
