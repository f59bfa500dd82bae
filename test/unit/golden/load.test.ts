import { expect, it } from 'vitest';
import { keyHash } from '../../../shared/events/identity.ts';
import { probesOf } from '../../../shared/ledger/deduplicate.ts';
import { digestsByDay } from '../../../shared/ledger/digests.ts';
import { dimensionSetsOf, totalChanges } from '../../../shared/ledger/dimension-sets.ts';
import { type Load, loadAsFolded, loadWinners, rowsOf } from '../../../shared/ledger/load.ts';
import { dayMs } from '../../../shared/limits.ts';
import { readCopyTuples } from '../../../shared/log/row-tuple.ts';
import { foldRecords } from '../../../shared/segments/fold.ts';
import { expectGolden, jsonText } from '../../harness/builders/golden-file.ts';
import { closedDayMs, goldenPartition, goldenValues } from '../../harness/builders/golden-records.ts';
import { noonMs, records } from '../../harness/builders/records.ts';

const values = goldenValues();
/** Two segments, as when the consumer is given the records in two batches. */
const segments = [records(values.slice(0, 3), 40), records(values.slice(3), 43)].flatMap(
  (batch) => foldRecords(batch, goldenPartition).segments,
);
const range = { partition: goldenPartition, from: 40, to: 45, source: 'segments' as const, segments };
const closedDays = new Set([Math.floor(closedDayMs / dayMs)]);

/** Every member by its name, so that a member which stores nothing changes no golden file. */
function loadText(load: Load): string {
  const changes = totalChanges(load.rollups, dimensionSetsOf(load.rollups));
  const sums = digestsByDay(changes);
  const { refusals, seen, inserted, duplicate, quarantined, foreign } = load;
  return jsonText({
    days: load.days.map(({ day, count, rows, digest }) => ({
      day,
      count,
      digest,
      sums: sums.get(day),
      rows: Buffer.concat(rows),
    })),
    rollups: changes,
    refusals,
    conflicts: load.conflicts.map((conflict) => ({
      organization: conflict.organization,
      keyHash: conflict.keyHash,
      day: conflict.day,
      fingerprint: conflict.fingerprint,
      offset: conflict.offset,
      index: conflict.index,
      firstDay: conflict.firstDay,
      firstOffset: conflict.firstOffset,
      firstIndex: conflict.firstIndex,
      firstFingerprint: conflict.firstFingerprint,
    })),
    counts: { seen, inserted, duplicate, quarantined, foreign },
  });
}

it('a range that is loaded as folded is the load of the golden file', async () => {
  await expectGolden('formats/load-as-folded.json', loadText(loadAsFolded(range)));
});

it('a range with duplicates, conflicts and a closed day is the load of the golden file', async () => {
  const rows = rowsOf(range);
  expect(rows.map(({ offset, index }) => `${offset}/${index}`)).toHaveLength(10);
  const counted = [
    // The other organization's key counts already, with other content.
    {
      keyHash: keyHash('monsters', 'key-1'),
      fingerprint: 'ab'.repeat(16),
      offset: 12,
      index: 3,
      undated: false,
      eventTimeMs: noonMs,
      day: Math.floor(noonMs / dayMs),
    },
  ];
  const load = loadWinners(range, rows, counted, closedDays);
  await expectGolden('formats/load-winners.json', loadText(load));
  const [refusal] = load.refusals.filter(({ code }) => code === 'day_closed');
  expect(readCopyTuples(Buffer.from(refusal?.bytes ?? '', 'base64'))).toHaveLength(1);
});

it('the keys that decide over a range are those of the golden file', async () => {
  const probes = probesOf(rowsOf(range)).map(({ day, keyHashes }) => ({ day, keyHashes }));
  await expectGolden('formats/key-probes.json', jsonText(probes));
});
