import { expect, it } from 'vitest';
import { refusedEventsMax } from '../../../shared/limits.ts';
import { copyColumns, readCopyTuples, readRowUsage } from '../../../shared/log/row-tuple.ts';
import { foldRecords } from '../../../shared/segments/fold.ts';
import { decodeSegment, encodeSegment, sealScope } from '../../../shared/segments/segment.ts';
import { expectGolden, hexDump, jsonText } from '../../harness/builders/golden-file.ts';
import { goldenPartition, goldenValues } from '../../harness/builders/golden-records.ts';
import { envelope, newerEnvelope, records, sealedEvent } from '../../harness/builders/records.ts';

// The golden HMAC is over this text; a real id is one of Kafka's.
const scope = sealScope({ topicId: 'billing.usage.events', generation: 3 });
const seal = { scope, key: Buffer.alloc(32, 9) };
const { segments } = foldRecords(records(goldenValues(), 40), goldenPartition);
const [segment] = segments;
if (segment === undefined) throw new Error('a fold of records has a segment');
const bytes = encodeSegment(segment, seal);

it('the golden records become one segment with the bytes of the golden file', async () => {
  expect(segments).toHaveLength(1);
  expect(decodeSegment(bytes, seal)).toEqual(segment);
  await expectGolden('formats/segment.txt', hexDump(bytes));
});

it('the segment says of its records, sums and refusals what the golden file says', async () => {
  const days = segment.days.map(({ day, count, rows }) => ({ day, count, rowsBytes: rows.length }));
  await expectGolden('formats/segment.json', jsonText({ scope: seal.scope, meta: segment.meta, days }));
});

it('the rows of the segment are the COPY tuples of the golden file', async () => {
  const tuples = segment.days.flatMap(({ rows }) =>
    readCopyTuples(rows).map(({ at, end, bytes: _, ...row }) => {
      const fields = JSON.stringify({ ...row, ...readRowUsage(rows, at) });
      return `### ${fields}\n${hexDump(rows.subarray(at, end))}\n`;
    }),
  );
  await expectGolden('formats/copy-tuples.txt', `${copyColumns}\n\n${tuples.join('\n')}`);
});

it('the fold stops where the golden file says, and why', async () => {
  const refused = Array.from({ length: refusedEventsMax + 1 }, (_, i) =>
    sealedEvent({ quantity: 'NaN', idempotencyKey: `k${i}` }),
  );
  const stops = {
    'newer code': foldRecords(records([envelope([sealedEvent()]), newerEnvelope()], 7), 0).stop,
    'too many refused events': foldRecords(records([envelope(refused)], 7), 0).stop,
  };
  await expectGolden('formats/fold-stops.json', jsonText(stops));
});

it('events that cannot be counted are refused with the codes of the golden file', async () => {
  const events = [
    { organization: '' },
    { metric: 'a b' },
    { quantity: '1.50' },
    { fingerprint: 'AB' },
    { eventTimeMs: Date.UTC(2000, 0, 1) - 1 },
    { eventTimeMs: Date.UTC(2200, 0, 1) },
    { idempotencyKey: '' },
    { idempotencyKey: 'k'.repeat(513) },
    { idempotencyKey: 'a\0b' },
    { idempotencyKey: '\ud800' },
  ].map(sealedEvent);
  const [fold] = foldRecords(records([envelope(events)]), 0).segments;
  await expectGolden('formats/refusals.json', jsonText(fold?.meta.refusals));
});
