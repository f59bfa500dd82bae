/** Every limit of a request, at it and one above it, and every kind of bad input: never a 5xx. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import type { HttpResult } from '../../shared/http/stack.ts';
import {
  batchEventsMax,
  bodyBytesMax,
  dayMs,
  eventAgeDaysMax,
  eventAheadMinutesMax,
  eventDaysMax,
  idempotencyKeyBytesMax,
  nameCharsMax,
  propertiesBytesMax,
  propertiesMax,
  propertyNameCharsMax,
  quantityCharsMax,
} from '../../shared/limits.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import {
  administrator,
  batchEvent,
  bodyOf,
  httpEvent,
  lambdaContext,
  usageBody,
} from '../harness/builders/handlers.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const config = {
  receiptKey: Buffer.alloc(32, 3),
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const handle = build(config, {
  log: new FakeLog(),
  clock: new FakeClock(),
  logger: new FakeLogger(),
  metrics: noMetrics,
});

async function sendOne(fields: Record<string, unknown>, scopes = administrator.scopes): Promise<unknown> {
  const event = batchEvent([usageBody(fields)], { authorizer: { ...administrator, scopes } });
  const result = await handle(event, lambdaContext());
  if (result.statusCode === 202) return 'accepted';
  expect(result.statusCode).toBe(400);
  const { errors } = bodyOf(result);
  return Array.isArray(errors) ? errors[0] : {};
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Properties whose canonical JSON has exactly `bytes` bytes. */
function propertiesOf(bytes: number): Record<string, string> {
  return { a: 'x'.repeat(bytes - '{"a":""}'.length) };
}

const names = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, i]));

describe.each([
  ['organization_id', 'x'.repeat(nameCharsMax), 'x'.repeat(nameCharsMax + 1), 'invalid_name'],
  ['metric_name', 'x'.repeat(nameCharsMax), 'x'.repeat(nameCharsMax + 1), 'invalid_name'],
  ['organization_id', 'a', '', 'invalid_name'],
  ['organization_id', 'fe80::1@host-1.example_2', 'a b', 'invalid_name'],
  ['metric_name', 'A.Z_0:9@-', 'größe', 'invalid_name'],
  ['metric_name', 'openai/gpt-4o', 'openai\\\\gpt-4o', 'invalid_name'],
  ['metric_name', 'a+b~c=d/e', 'a,b', 'invalid_name'],
  ['organization_id', 'jane+test@example.com', 'jane/test', 'invalid_name'],
  ['organization_id', '+', 'a~b', 'invalid_name'],
  ['organization_id', 'a-b', 'a=b', 'invalid_name'],
  ['metric_name', 'a', 'a\n', 'invalid_name'],
  ['organization_id', '...', '..', 'invalid_name'],
  ['organization_id', '.a', '.', 'invalid_name'],
  ['metric_name', '..a', '..', 'invalid_name'],
  ['idempotency_key', 'x'.repeat(idempotencyKeyBytesMax), 'x'.repeat(idempotencyKeyBytesMax + 1), 'too_long'],
  [
    'idempotency_key',
    'ü'.repeat(idempotencyKeyBytesMax / 2),
    `${'ü'.repeat(idempotencyKeyBytesMax / 2)}x`,
    'too_long',
  ],
  ['idempotency_key', ' ', '', 'empty'],
  ['idempotency_key', '😀', '\ud83d', 'invalid_characters'],
  ['idempotency_key', '\u00a0', 'a\u0000', 'invalid_characters'],
  ['idempotency_key', '"\\', 'a\u0085b', 'invalid_characters'],
  ['idempotency_key', '\ufffc', 'cl\ufffd', 'invalid_characters'],
  ['quantity', '9'.repeat(20), `1${'0'.repeat(20)}`, 'too_many_integer_digits'],
  ['quantity', 1e19, 1e20, 'too_many_integer_digits'],
  ['quantity', `0.${'1'.repeat(18)}`, `0.${'1'.repeat(19)}`, 'too_many_fraction_digits'],
  ['quantity', 1e-18, 1e-19, 'too_many_fraction_digits'],
  ['quantity', `1.${'0'.repeat(quantityCharsMax - 2)}`, `1.${'0'.repeat(quantityCharsMax - 1)}`, 'too_long'],
  ['quantity', '+.5e1', '5e', 'not_a_decimal'],
  ['quantity', 0, 'NaN', 'not_a_decimal'],
  ['quantity', '0', 'Infinity', 'not_a_decimal'],
  ['quantity', '1', '', 'not_a_decimal'],
  ['quantity', '1', '0x10', 'not_a_decimal'],
  ['quantity', '1', '1_000', 'not_a_decimal'],
  ['quantity', '1', ' 1', 'not_a_decimal'],
  [
    'timestamp',
    iso(testNowMs + eventAheadMinutesMax * 60_000),
    iso(testNowMs + eventAheadMinutesMax * 60_000 + 1),
    'timestamp_ahead',
  ],
  ['timestamp', '2000-01-01T00:00:00Z', '1999-12-31T23:59:59.999Z', 'timestamp_too_old'],
  ['timestamp', '2026-11-23T10:00:00+00:00', '2026-11-23T10:00:00', 'invalid_timestamp'],
  ['timestamp', '2026-11-23 10:00:00+00:00', '2026-11-23 10:00:00', 'invalid_timestamp'],
  ['timestamp', '2026-11-23 10:00:00.123456Z', '2026-11-23_10:00:00Z', 'invalid_timestamp'],
  ['properties', propertiesOf(propertiesBytesMax), propertiesOf(propertiesBytesMax + 1), 'too_long'],
  ['properties', names(propertiesMax), names(propertiesMax + 1), 'too_many'],
  [
    'properties',
    { ['n'.repeat(propertyNameCharsMax)]: 1 },
    { ['n'.repeat(propertyNameCharsMax + 1)]: 1 },
    'invalid_name',
  ],
  ['properties', { a: null, b: true, c: 'x', d: 1.5 }, { '': 1 }, 'invalid_name'],
  ['properties', {}, [], 'wrong_type'],
] as const)('%s', (field, good, bad, code) => {
  it(`${JSON.stringify(good).slice(0, 40)} is accepted`, async () => {
    expect(await sendOne({ [field]: good })).toBe('accepted');
  });

  it(`${JSON.stringify(bad).slice(0, 40)} is ${code}`, async () => {
    expect(await sendOne({ [field]: bad })).toMatchObject({
      index: 0,
      field,
      code,
      message: expect.any(String),
    });
  });
});

it('properties are bounded in bytes, not in characters', async () => {
  const ofBytes = (bytes: number) => ({ a: 'é'.repeat((bytes - '{"a":""}'.length) / 2) });
  expect(await sendOne({ properties: ofBytes(propertiesBytesMax) })).toBe('accepted');
  expect(await sendOne({ properties: ofBytes(propertiesBytesMax + 2) })).toMatchObject({ code: 'too_long' });
});

it('a timestamp older than 35 days needs the scope backfill', async () => {
  const oldest = testNowMs - eventAgeDaysMax * dayMs;
  expect(await sendOne({ timestamp: iso(oldest) }, 'ingest')).toBe('accepted');
  expect(await sendOne({ timestamp: iso(oldest - 1) }, 'ingest')).toMatchObject({
    code: 'timestamp_too_old',
  });
  expect(await sendOne({ timestamp: iso(oldest - 1) }, 'ingest backfill')).toBe('accepted');
});

it.each([
  ['organization_id', 5],
  ['metric_name', null],
  ['organization_id', null],
  ['quantity', true],
  ['quantity', null],
  ['quantity', [1]],
  ['quantity', { rawJSON: '1' }],
  ['idempotency_key', 7],
  ['timestamp', 1_795_428_000_000],
  ['properties', 'text'],
])('%s as %j has the wrong type', async (field, value) => {
  expect(await sendOne({ [field]: value })).toMatchObject({ field, code: 'wrong_type' });
});

it('null says the same as an absent field, for every field that may be absent', async () => {
  const absent = { idempotency_key: null, timestamp: null, properties: null };
  for (const field of Object.keys(absent)) expect(await sendOne({ [field]: null })).toBe('accepted');
  const result = await handle(batchEvent([usageBody(absent)]), lambdaContext());
  expect(bodyOf(result)).toMatchObject({
    generated_keys: [{ index: 0 }],
    stamped_at: new Date(testNowMs).toISOString(),
  });
});

it.each([{ nested: {} }, { list: [] }])(
  'the property %j is no scalar, and the problem names it',
  async (properties) => {
    const field = `properties.${Object.keys(properties)[0]}`;
    expect(await sendOne({ properties })).toMatchObject({ field, code: 'wrong_type' });
  },
);

it.each(['organization_id', 'metric_name', 'quantity'])('%s is required', async (field) => {
  expect(await sendOne({ [field]: undefined })).toMatchObject({ field, code: 'missing_field' });
});

it.each(['organisation_id', '__proto__', 'constructor', ''])(
  'the unknown field %j is named',
  async (field) => {
    const text = JSON.stringify(usageBody()).replace('{', `{${JSON.stringify(field)}:1,`);
    const result = await send(`{"events":[${text}]}`);
    expect(bodyOf(result)).toMatchObject({ errors: [{ index: 0, field, code: 'unknown_field' }] });
  },
);

function send(
  body: string | undefined,
  headers: Record<string, string> = {},
  base64 = false,
): Promise<HttpResult> {
  const event = batchEvent([], { headers, isBase64Encoded: base64, ...(body === undefined ? {} : { body }) });
  if (body === undefined) delete event.body;
  return handle(event, lambdaContext());
}

const bytes = (...values: readonly number[]): string => Buffer.from(values).toString('base64');
const gzip = { 'content-encoding': 'gzip' };
const padded = (size: number): string => {
  const text = JSON.stringify({ events: [usageBody()] });
  return text + ' '.repeat(size - text.length);
};
const zipped = (text: string): string => gzipSync(text).toString('base64');
/** Hardly compressible, so that only the decoded size is above its limit. */
const noise = (size: number): string => {
  let text = '{"events":["';
  for (let i = 0; text.length < size; i++) text += Math.imul(i, 0x9e3779b1).toString(36);
  return `${text}"]}`;
};
const ofDays = (count: number): string =>
  JSON.stringify({
    events: Array.from({ length: count }, (_, i) => usageBody({ timestamp: iso(testNowMs - i * dayMs) })),
  });
const many = (count: number): string =>
  JSON.stringify({ events: Array.from({ length: count }, () => usageBody()) });

it.each([
  ['a batch of the most days', ofDays(eventDaysMax), {}, false],
  ['a batch of the most events', many(batchEventsMax), {}, false],
  ['a body of the most bytes', padded(bodyBytesMax), {}, false],
  ['a body of the most bytes in base64', Buffer.from(padded(bodyBytesMax)).toString('base64'), {}, true],
  [
    'a media type with its charset',
    padded(500),
    { 'content-type': 'application/json; charset=UTF-8' },
    false,
  ],
  ['the identity encoding', padded(500), { 'content-encoding': 'identity' }, false],
  ['an empty encoding', padded(500), { 'content-encoding': '' }, false],
  ['a batch of equal events in gzip', zipped(many(300)), gzip, true],
  ['a body of the most bytes in gzip', zipped(padded(bodyBytesMax)), gzip, true],
  ['a body in x-gzip', zipped(padded(500)), { 'content-encoding': 'x-gzip' }, true],
])('%s is accepted', async (_what, body, headers, base64) => {
  expect((await send(body, headers, base64)).statusCode).toBe(202);
});

it.each([
  ['no body', undefined, {}, false, 400, 'empty_body'],
  ['an empty body', '', {}, false, 400, 'empty_body'],
  ['an empty gzip stream', zipped(''), gzip, true, 400, 'empty_body'],
  ['text', 'hello', {}, false, 400, 'invalid_json'],
  ['half of a body', '{"events":[', {}, false, 400, 'invalid_json'],
  ['NaN', '{"events":[NaN]}', {}, false, 400, 'invalid_json'],
  [
    'nesting without end',
    `{"events":[1234567890123456${'['.repeat(200_000)}`,
    {},
    false,
    400,
    'invalid_json',
  ],
  ['deep nesting', '['.repeat(100_000) + ']'.repeat(100_000), {}, false, 400, 'wrong_type'],
  ['invalid UTF-8', bytes(0x7b, 0xff, 0x7d), {}, true, 400, 'invalid_utf8'],
  [
    'invalid UTF-8 in gzip',
    gzipSync(Buffer.from([0xc3])).toString('base64'),
    gzip,
    true,
    400,
    'invalid_utf8',
  ],
  ['no gzip stream', bytes(1, 2, 3), gzip, true, 400, 'invalid_gzip'],
  ['half a gzip stream', zipped(many(9)).slice(0, 80), gzip, true, 400, 'invalid_gzip'],
  ['a list', '[]', {}, false, 400, 'wrong_type'],
  ['null', 'null', {}, false, 400, 'wrong_type'],
  ['a number', '12345678901234567890', {}, false, 400, 'wrong_type'],
  ['no events', '{}', {}, false, 400, 'missing_field'],
  ['an empty list of events', '{"events":[]}', {}, false, 400, 'no_events'],
  ['events that are no list', '{"events":{}}', {}, false, 400, 'wrong_type'],
  ['a further field', '{"events":[],"more":1}', {}, false, 400, 'unknown_field'],
  ['too many days', ofDays(eventDaysMax + 1), {}, false, 400, 'too_many_days'],
  ['too many events', many(batchEventsMax + 1), {}, false, 400, 'too_many_events'],
  ['too many bytes', padded(bodyBytesMax + 1), {}, false, 413, 'body_too_large'],
  ['too many bytes of UTF-8', `"${'ü'.repeat(bodyBytesMax / 2)}"`, {}, false, 413, 'body_too_large'],
  ['too many bytes in gzip', zipped(noise(bodyBytesMax + 1)), gzip, true, 413, 'body_too_large'],
  ['a byte too many in gzip', zipped(padded(bodyBytesMax + 1)), gzip, true, 413, 'body_too_large'],
  ['a gzip bomb', zipped(' '.repeat(100 * bodyBytesMax)), gzip, true, 413, 'body_too_large'],
  ['only a byte order mark', '\ufeff', {}, false, 400, 'empty_body'],
  ['only a byte order mark in base64', bytes(0xef, 0xbb, 0xbf), {}, true, 400, 'empty_body'],
  [
    'a form',
    many(1),
    { 'content-type': 'application/x-www-form-urlencoded' },
    false,
    415,
    'unsupported_media_type',
  ],
  ['no media type', many(1), { 'content-type': '' }, false, 415, 'unsupported_media_type'],
  [
    'another charset',
    many(1),
    { 'content-type': 'application/json; charset=latin1' },
    false,
    415,
    'unsupported_media_type',
  ],
  ['brotli', many(1), { 'content-encoding': 'br' }, false, 415, 'unsupported_content_encoding'],
])('%s is a clear problem', async (_what, body, headers, base64, status, code) => {
  const result = await send(body, headers, base64);
  expect([result.statusCode, bodyOf(result).code]).toEqual([status, code]);
  expect(bodyOf(result)).toMatchObject({
    type: `urn:odometer:problem:${code}`,
    status,
    title: expect.any(String),
    detail: expect.any(String),
    request_id: 'request-1',
  });
});

it.each([
  'application/json',
  'Application/JSON',
  'application/json;',
  'application/json; charset=utf8',
  'application/json;charset="UTF-8"',
  "application/json; charset='utf-8'",
  'application/json; charset=us-ascii',
  'application/json; odata.metadata=minimal',
  'application/json; odata.metadata=minimal; charset=utf-8',
  'application/json; profile="a;b"; charset=utf-8',
])('the media type %s is JSON', async (type) => {
  expect((await send(many(1), { 'content-type': type })).statusCode).toBe(202);
});

it.each([
  'application/jsonp',
  'application/json, text/plain',
  'application/json; charset=utf-16',
  'application/json; charset="iso-8859-1"',
  'text/json',
  ';',
])('the media type %s is not, and the answer says what is', async (type) => {
  const result = await send(many(1), { 'content-type': type });
  expect([result.statusCode, result.headers]).toMatchObject([415, { accept: 'application/json' }]);
});

it.each(['br', 'deflate', 'zstd', 'gzip, gzip', 'gzip, identity'])(
  'the content encoding %s is refused, and the answer says which is taken',
  async (encoding) => {
    const result = await send(many(1), { 'content-encoding': encoding });
    expect([result.statusCode, result.headers]).toMatchObject([415, { 'accept-encoding': 'gzip' }]);
  },
);

it('any media type and any encoding have an answer below 500', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (type, encoding) => {
      for (const parsed of [type, `application/json;${type}`]) {
        const headers = { 'content-type': parsed, 'content-encoding': encoding };
        expect((await send(many(1), headers)).statusCode).toBeLessThan(500);
      }
    }),
  );
});

it('the endpoint for one event refuses a batch, and names the field', async () => {
  const event = httpEvent({ routeKey: 'POST /api/v1/usage/events', body: many(1) });
  const result = await handle(event, lambdaContext());
  expect(bodyOf(result)).toMatchObject({ status: 400, errors: [{ index: 0 }] });
});
