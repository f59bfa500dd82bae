/** One thread of a search: every `step`-th seed from `first` on. */
import { parentPort, workerData } from 'node:worker_threads';
import { runHistory } from './history.ts';
import { scriptOf } from './script.ts';
import type { SearchPart, WorkerTask } from './search.ts';

// Handed in by `search.ts`, in the same release.
const { first, end, step, failuresMax } = workerData as WorkerTask;
const part: SearchPart = {
  seeds: 0,
  pointsMin: Number.POSITIVE_INFINITY,
  faultKindsMin: Number.POSITIVE_INFINITY,
  reached: [],
  failures: [],
};
const reached = new Set<string>();
for (let seed = first; seed < end && part.failures.length < failuresMax; seed += step) {
  const outcome = await runHistory(scriptOf(seed));
  part.seeds += 1;
  for (const transition of outcome.reached) reached.add(transition);
  if (outcome.violation !== null) part.failures.push({ seed, violation: outcome.violation });
  else part.pointsMin = Math.min(part.pointsMin, outcome.points);
  part.faultKindsMin = Math.min(part.faultKindsMin, outcome.faultKinds);
}
parentPort?.postMessage({ ...part, reached: [...reached] });
