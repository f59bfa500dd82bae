/** Real servers and those of the simulation, side by side: the same script, use cases and model, and one verdict. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ServerStage } from '../harness/stage/server-stage.ts';
import type { Script } from '../simulation/script.ts';
import { SimulatedStage } from '../simulation/simulated-stage.ts';
import { runStaged } from '../simulation/staged-history.ts';
import { type StagedOperation, stagedKinds, stagedScriptOf, toStaged } from '../simulation/staged-script.ts';

/** Few where the broker is killed. What a kind shows depends on its seed: these show it. */
const seedsOf: Readonly<Record<string, readonly number[]>> = {
  'a log that loses its tail': [2, 7],
  'redelivery and overlap': [0, 1],
  'a held flusher that is overtaken': [0, 1],
  'a held flusher that is waited for': [0],
  'a held flusher whose session is ended': [0, 3],
  'a held flusher that has read a lost tail': [0],
  'a segment store in the past': [0, 1],
  'a segment store in the past of a lost tail': [1],
  'a segment store that loses a part, then all': [1, 2],
  'records that expire': [0, 1],
  'lost answers to COMMIT': [0, 1],
  'a topic that is made again': [0],
};
const kept = join(import.meta.dirname, '..', 'simulation', 'kept');

/** Runs a script on both stages; each must satisfy the model, and both must come to one verdict. */
async function expectOneVerdict(
  { seed, operations }: { readonly seed: number; readonly operations: readonly StagedOperation[] },
  shows: readonly string[],
): Promise<void> {
  const simulated = await runStaged(new SimulatedStage(seed), operations);
  const stage = await ServerStage.open();
  const real = await runStaged(stage, operations).finally(() => stage.close());
  for (const { violation, logged } of [simulated, real]) {
    expect(violation).toBeNull();
    expect([...logged]).toEqual(expect.arrayContaining([...shows]));
  }
  expect(real.partitions).toEqual(simulated.partitions);
}

describe('real servers come to the verdict of the simulation', () => {
  const histories = stagedKinds.flatMap((kind) =>
    (seedsOf[kind.name] ?? []).map((seed) => ({ ...kind, seed })),
  );

  it('of every kind of script', () => {
    expect(Object.keys(seedsOf)).toEqual(stagedKinds.map(({ name }) => name));
  });

  it.each(histories)('U2: $name, seed $seed', async ({ seed, ...kind }) => {
    await expectOneVerdict({ seed, operations: stagedScriptOf(kind, seed) }, kind.shows);
  });

  it.each(['stale-segment-in-a-run.json', 'stale-run-above-the-log-end.json'])(
    'U6: in a history that once failed: %s',
    async (file) => {
      // Written by `odometer soak`.
      const script = JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script;
      await expectOneVerdict({ seed: script.seed, operations: toStaged(script) }, []);
    },
  );
});
