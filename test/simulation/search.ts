/** Searches seeds for a history that must not be, on two threads, and makes a found one short. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { runHistory } from './history.ts';
import { type Script, scriptOf } from './script.ts';

const threads = 2;

export interface WorkerTask {
  readonly first: number;
  readonly end: number;
  readonly step: number;
  readonly failuresMax: number;
}

export interface Failure {
  readonly seed: number;
  readonly violation: string;
}

export interface SearchPart {
  seeds: number;
  /** Over the histories that came to their end. */
  pointsMin: number;
  faultKindsMin: number;
  reached: readonly string[];
  readonly failures: Failure[];
}

interface Search {
  readonly first: number;
  readonly count: number;
  /** Each thread ends after so many. */
  readonly failuresMax: number;
  /** A copy of the sources; default: these. */
  readonly root?: string;
}

export async function search({ first, count, failuresMax, root }: Search): Promise<SearchPart> {
  const folder = root === undefined ? import.meta.dirname : join(root, 'test', 'simulation');
  const tasks = Array.from({ length: threads }, (_, i) => ({
    first: first + i,
    end: first + count,
    step: threads,
    failuresMax,
  }));
  const parts = await Promise.all(tasks.map((task) => runWorker(join(folder, 'search-worker.ts'), task)));
  return {
    seeds: parts.reduce((sum, { seeds }) => sum + seeds, 0),
    pointsMin: Math.min(...parts.map(({ pointsMin }) => pointsMin)),
    faultKindsMin: Math.min(...parts.map(({ faultKindsMin }) => faultKindsMin)),
    reached: [...new Set(parts.flatMap(({ reached }) => reached))].sort(),
    failures: parts.flatMap(({ failures }) => failures).sort((a, b) => a.seed - b.seed),
  };
}

function runWorker(file: string, task: WorkerTask): Promise<SearchPart> {
  const worker = new Worker(pathToFileURL(file), { workerData: task });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a thread of the search ended with ${code}`)));
  });
}

/** The script without what is not needed for a violation: halves first, then single operations. */
export async function shrink({ seed, violation: found }: Failure): Promise<Script> {
  let { operations } = scriptOf(seed);
  for (let size = Math.ceil(operations.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < operations.length; ) {
      const fewer = [...operations.slice(0, at), ...operations.slice(at + size)];
      const { violation } = await runHistory({ seed, operations: fewer });
      if (violation === null || kindOf(violation) !== kindOf(found)) at += size;
      else operations = fewer;
    }
  }
  return { seed, operations };
}

/** What was violated, without time, partition and figures: a shorter script must show the same fault, not another. */
function kindOf(violation: string): string {
  return violation
    .replace(/^\d+ ms: (partition \d+ )?/, '')
    .split(' ', 1)
    .join();
}

/** A script as it is kept: one operation a line. */
export function toScriptText({ seed, operations }: Script): string {
  const lines = operations.map((operation) => `    ${JSON.stringify(operation)}`);
  return `{\n  "seed": ${seed},\n  "operations": [\n${lines.join(',\n')}\n  ]\n}`;
}
