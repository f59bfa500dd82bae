/**
 * What totals by dimension set cost an event, at 1, 100 and 1,000 sets: to fold, to settle, and to add to a shard.
 * Run: node test/bench/rollup-micro.ts [address of a running twin's shard 0 for its writer]
 * What it writes there it rolls back.
 */
import { formatDay } from '../../shared/events/calendar.ts';
import { dimensionSetsOf, totalChanges } from '../../shared/ledger/dimension-sets.ts';
import { loadAsFolded } from '../../shared/ledger/load.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { envelope, noonMs, records, sealedEvent } from '../harness/builders/records.ts';

const events = 10_000;
const envelopeEvents = 500;
const rounds = 20;
const partition = 0;

/** One organization and metric within a quarter hour, so that each set is one total. */
function valuesOf(sets: number): readonly Buffer[] {
  return Array.from({ length: events / envelopeEvents }, (_, sequence) =>
    envelope(
      Array.from({ length: envelopeEvents }, (_, i) => {
        const n = sequence * envelopeEvents + i;
        const fields = {
          idempotencyKey: `key-${n}`,
          quantity: `${n % 977}`,
          eventTimeMs: noonMs + (n % 800_000),
        };
        return sealedEvent({ ...fields, dimensions: `{"model":"model-${n % sets}","region":"eu"}` });
      }),
      { version: 2, partition, sequence },
    ),
  );
}

function cpuPerEvent(work: () => void): string {
  for (let i = 0; i < rounds / 4; i++) work();
  const before = process.cpuUsage();
  for (let i = 0; i < rounds; i++) work();
  const { user, system } = process.cpuUsage(before);
  return `${((user + system) / (rounds * events)).toFixed(2)} CPU-us`;
}

async function addPerEvent(ledger: ShardLedger, sets: number): Promise<string> {
  const { rollups } = loadOf(valuesOf(sets));
  const nextOffset = (await ledger.progress()).find((row) => row.partition === partition)?.nextOffset ?? 0;
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await ledger.transaction(partition, async (transaction) => {
      const move = { from: nextOffset, to: nextOffset + 1, generation: 1, recordHash: Buffer.alloc(32) };
      const moved = await transaction.moveProgress({ ...move, checkedRanges: 0, closedBefore: null });
      if (moved === null) throw new Error('a flusher was faster: stop it, or the load on the twin');
      const startedMs = performance.now();
      await moved.addRollups(totalChanges(rollups, await moved.keepSets(dimensionSetsOf(rollups))));
      times.push(performance.now() - startedMs);
      return { commit: false, value: null };
    });
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  return `${((median * 1000) / events).toFixed(2)} us in the shard, all sets new`;
}

function loadOf(values: readonly Buffer[]) {
  const { segments } = foldRecords(records(values), partition);
  return loadAsFolded({ partition, from: 0, to: values.length, source: 'segments', segments });
}

const [, , url] = process.argv;
const ledger = url === undefined ? null : createShardLedger({ url, shard: 0, mapVersion: routeMapVersion });
process.stdout.write(
  `${events} events of ${formatDay(Math.floor(noonMs / 86_400_000))} a commit, for each of them:\n`,
);
for (const sets of [1, 100, 1000]) {
  const values = valuesOf(sets);
  const { rollups } = loadOf(values);
  const fold = cpuPerEvent(() => foldRecords(records(values), partition));
  const settle = cpuPerEvent(() => totalChanges(rollups, dimensionSetsOf(rollups)));
  const add = ledger === null ? 'not added: no shard is given' : await addPerEvent(ledger, sets);
  process.stdout.write(`${sets} sets: ${fold} to fold, ${settle} to settle, ${add}\n`);
}
await ledger?.close();
