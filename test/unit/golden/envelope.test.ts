import { expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope, eventsOf } from '../../../shared/log/envelope.ts';
import { expectGolden, hexDump, jsonText } from '../../harness/builders/golden-file.ts';
import { goldenEvents, goldenPartition, goldenValues } from '../../harness/builders/golden-records.ts';
import { envelope, newerEnvelope, noonMs, sealedEvent } from '../../harness/builders/records.ts';

const header = {
  partition: 0x0102,
  producerId: Buffer.from('101112131415161718191a1b1c1d1e1f', 'hex'),
  sequence: 2 ** 40 + 3,
  createdAtMs: noonMs + 1234,
};
const bytes = encodeEnvelope({ version: 1, ...header }, goldenEvents);

it('an envelope has the bytes of the golden file', async () => {
  await expectGolden('formats/envelope.txt', hexDump(bytes));
});

it('an envelope reads back as the golden file says', async () => {
  const decoded = decodeEnvelope(bytes, header.partition);
  expect(decoded).toEqual({ kind: 'envelope', envelope: { ...header, version: 1, events: goldenEvents } });
  await expectGolden('formats/envelope.json', jsonText(decoded));
});

it('an envelope of version 2, which carries dimensions, has the bytes of the golden file', async () => {
  const labelled = sealedEvent({
    idempotencyKey: 'labelled',
    dimensions: '{"model":"gpt-4o","region":"日本"}',
  });
  const events = [...goldenEvents, labelled];
  const tuples = encodeEnvelope({ version: 2, ...header }, events);
  await expectGolden('formats/envelope-2.txt', hexDump(tuples));
  const decoded = decodeEnvelope(tuples, header.partition);
  expect(decoded.kind === 'envelope' && eventsOf(decoded.envelope)).toEqual(events);
});

it('what is no envelope of ours is named as the golden file says', async () => {
  const [, foreign, damaged, elsewhere] = goldenValues();
  const empty = Buffer.alloc(0);
  const answers = {
    empty: decodeEnvelope(empty, goldenPartition),
    foreign: decodeEnvelope(foreign ?? empty, goldenPartition),
    damaged: decodeEnvelope(damaged ?? empty, goldenPartition),
    'of another partition': decodeEnvelope(elsewhere ?? empty, goldenPartition),
    newer: decodeEnvelope(newerEnvelope(3), 3),
    'without events': decodeEnvelope(envelope([]), 0),
  };
  await expectGolden('formats/envelope-refused.json', jsonText(answers));
});
