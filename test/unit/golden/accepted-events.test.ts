/** Which events ingest accepts, and what it writes into the log for them. */
import { expect, it, vi } from 'vitest';
import { build } from '../../../functions/ingest/handler.ts';
import { PropertySealer } from '../../../functions/ingest/seal-properties.ts';
import { decodeEnvelope, eventsOf as eventsOfEnvelope } from '../../../shared/log/envelope.ts';
import type { Append } from '../../../shared/log/event-log.ts';
import { noMetrics } from '../../../shared/runtime/metrics.ts';
import { expectGolden, hexDump, jsonText } from '../../harness/builders/golden-file.ts';
import { goldenEncryptionKey, goldenProducerId } from '../../harness/builders/golden-records.ts';
import { batchEvent, bodyOf, lambdaContext } from '../../harness/builders/handlers.ts';
import { FakeClock } from '../../harness/fakes/clock.ts';
import { FakeLog } from '../../harness/fakes/log.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

vi.mock('node:crypto', async (original) => ({
  ...(await original<typeof import('node:crypto')>()),
  randomBytes: (size: number) => Buffer.alloc(size, 7),
  randomUUID: () => '00000000-0000-4000-8000-000000000001',
}));

/** JSON texts of an event's fields, so that numbers arrive digit by digit; undefined leaves a field out. */
type FieldTexts = Readonly<Record<string, string | undefined>>;

const usual: FieldTexts = {
  organization_id: '"org_1"',
  metric_name: '"api_calls"',
  quantity: '1',
  idempotency_key: '"key-1"',
  timestamp: '"2026-11-23T09:59:58.123Z"',
};

function eventText(fields: FieldTexts): string {
  const members = Object.entries({ ...usual, ...fields }).filter(([, text]) => text !== undefined);
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}

const each = (name: string, texts: readonly (string | undefined)[]) =>
  texts.map((text) => eventText({ [name]: text }));

const manyProperties = (count: number) =>
  `{${Array.from({ length: count }, (_, i) => `"p${i}":${i}`).join(',')}}`;

const events = [
  ...each('quantity', ['1.50', '-0', '-0.0', '1e3', '1E-18', '0.1', '1e20', '1e-19', '"abc"', '""', 'true']),
  ...each('quantity', [
    '12345678901234567890.123456789012345678',
    '123456789012345678901',
    'null',
    undefined,
  ]),
  ...each('quantity', [
    '"0007.10"',
    '"+5"',
    '".5"',
    '"5."',
    '"1e3"',
    '"-2.5"',
    '" 1"',
    `"${'1'.repeat(129)}"`,
  ]),
  ...each('timestamp', ['"2026-11-23T09:59:58Z"', '"2026-11-23t09:59:58z"', '"2026-11-23T15:29:58+05:30"']),
  ...each('timestamp', ['"2026-11-23T09:59:58.1239Z"', '"2026-11-23T09:59:58.123456789Z"', undefined, '1']),
  ...each('timestamp', [
    '"2026-11-23T09:59:58.1234567890Z"',
    '"2026-11-23T09:59:60Z"',
    '"2026-02-30T00:00:00Z"',
  ]),
  ...each('timestamp', ['"2026-11-23T09:59:58"', '"2026-11-23"', '"2026-11-23T10:05:00Z"', '""']),
  ...each('timestamp', ['"2026-11-23T10:05:00.001Z"', '"2000-01-01T00:00:00Z"', '"1999-12-31T23:59:59Z"']),
  ...each('idempotency_key', ['""', '"schlüssel-日本-🔑"', '"a\\u0001"', '"\\ud800"', '" "', undefined, '7']),
  ...each('idempotency_key', [`"${'k'.repeat(512)}"`, `"${'k'.repeat(513)}"`, `"${'ü'.repeat(257)}"`]),
  ...each('organization_id', ['"A.b_c:d@e-f"', '"a b"', '"ü"', '""', `"${'o'.repeat(129)}"`, '1', undefined]),
  ...each('metric_name', ['"storage:gb_hours"', '"a/b"', 'null', undefined]),
  ...each('dimensions', [
    '{}',
    'null',
    '{"region":"eu","model":"gpt-4o"}',
    '{"a":"日本 \\"x\\" \\\\"}',
    '[]',
  ]),
  ...each('dimensions', ['{"Region":"eu"}', '{"a":1}', '{"a":"\\u0000"}', `{"a":"${'v'.repeat(129)}"}`]),
  ...each('properties', [
    '{}',
    '{"b":1.0,"a":"x","c":true,"d":null}',
    '{"n":1e2}',
    '{"n":{"m":1}}',
    '[]',
    '"x"',
  ]),
  ...each('properties', ['{"ü":"日本\\u2028"}', '{"":1}', '{"a":1,"a":2}', '{"__proto__":1}', '{"n":[1]}']),
  ...each('properties', [
    `{"${'n'.repeat(65)}":1}`,
    manyProperties(32),
    manyProperties(33),
    '{"a":"\\ud800"}',
  ]),
  ...each('properties', [`{"a":"${'v'.repeat(4096)}"}`, '{"n":12345678901234567890.10}', 'null']),
  eventText({ extra: '1' }),
  '7',
  '[]',
  'null',
];

interface IndexedRejection {
  readonly index: number;
}

function isIndexed(value: unknown): value is IndexedRejection {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'index') === 'number';
}

const abbreviated = (text: string) =>
  text.length <= 300 ? text : `${text.slice(0, 300)}... (${text.length})`;

const sealer = new PropertySealer(goldenEncryptionKey, goldenProducerId);

/** The events of a record, with their properties in plain text. */
function eventsOf({ partition, value }: Append) {
  const decoded = decodeEnvelope(value, partition);
  if (decoded.kind !== 'envelope') throw new Error('ingest wrote what cannot be read');
  const { sequence } = decoded.envelope;
  return eventsOfEnvelope(decoded.envelope).map((event, index) => {
    const properties =
      event.sealed === null ? null : sealer.open({ ...event, sequence, index }, event.sealed);
    return { partition, ...event, properties };
  });
}

it('every kind of event is rejected, or stored, as the golden files say', async () => {
  const log = new FakeLog();
  const config = {
    receiptKey: Buffer.alloc(32, 3),
    encryptionKey: goldenEncryptionKey,
    lingerMs: 0,
    envelopeVersion: 2 as const,
  };
  const ports = { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics };
  const body = `{"events":[${events.join(',')}]}`;
  const result = await build(config, ports)(batchEvent([], { body }), lambdaContext());
  expect(result.statusCode).toBe(207);
  const { rejected } = bodyOf(result);
  if (!Array.isArray(rejected)) throw new Error('a batch is answered with what is rejected');
  const rejections = new Map(rejected.filter(isIndexed).map((rejection) => [rejection.index, rejection]));
  const records = log.appends.flatMap((append) => append.records);
  const stored = records.flatMap(eventsOf);
  // The events of one organization keep their order; the only other one is named in its own row.
  const ofOther = stored.filter(({ organization }) => organization !== 'org_1');
  const ofUsual = stored.filter(({ organization }) => organization === 'org_1');
  const table = events.map((sent, index) => {
    const rejection = rejections.get(index);
    if (rejection !== undefined) return { sent: abbreviated(sent), rejected: JSON.stringify(rejection) };
    return { sent: abbreviated(sent), stored: (sent.includes('A.b_c') ? ofOther : ofUsual).shift() };
  });
  expect([ofOther, ofUsual]).toEqual([[], []]);
  await expectGolden('answers/accepted-events.json', jsonText(table));
  const dumps = records.map(({ partition, value }) => `### partition ${partition}\n${hexDump(value)}\n`);
  await expectGolden('formats/appended-envelopes.txt', dumps.join('\n'));
});
