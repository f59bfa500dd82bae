/** OTLP metrics over HTTP, in JSON and protobuf: delta sums are events, everything else is partial success. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { otlpAnswerShape } from '../../functions/ingest/otlp-shape.ts';
import { batchEventsMax } from '../../shared/limits.ts';
import { decodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { administrator, bodyOf, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import {
  bytesField,
  doubleField,
  exportOf,
  fixedField,
  type Json,
  owner,
  pointOf,
  protobufExport,
  sumOf,
  text,
} from '../harness/builders/otlp.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const settings = {
  generation: 1,
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const routeKey = 'POST /v1/metrics';
const endMs = 1_795_428_000_000;

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorizer?: typeof administrator;
  readonly otlpOrganization?: readonly string[];
  readonly route?: string;
}

/** Sends one request; answers it and what the log holds then. */
async function send(
  body: Json | string | Buffer,
  { headers = {}, authorizer, otlpOrganization, route = routeKey }: Sent = {},
) {
  const log = new FakeLog();
  const ports = { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics };
  const handle = build(otlpOrganization === undefined ? settings : { ...settings, otlpOrganization }, ports);
  const encoded = Buffer.isBuffer(body);
  const sent = typeof body === 'string' ? body : encoded ? body.toString('base64') : JSON.stringify(body);
  const request = httpEvent({
    routeKey: route,
    body: sent,
    headers,
    isBase64Encoded: encoded,
    ...(authorizer === undefined ? {} : { authorizer }),
  });
  const answer = await handle(request, lambdaContext());
  const events = log.appends.flatMap(({ records }) => {
    return records.flatMap(({ partition, value }) => {
      const decoded = decodeEnvelope(value, partition);
      return decoded.kind === 'envelope' ? eventsOf(decoded.envelope) : [];
    });
  });
  return { answer, events };
}

async function eventOf(document: Json) {
  const { answer, events } = await send(document);
  expect(answer).toMatchObject({ statusCode: 200, body: '{}' });
  const [event] = events;
  if (event === undefined) throw new Error('nothing was accepted');
  return event;
}

/** What the answer in JSON says of points that are not accepted. */
function partialOf(answer: Awaited<ReturnType<typeof send>>['answer']) {
  expect(answer.statusCode, answer.body).toBe(200);
  return otlpAnswerShape.parse(bodyOf(answer)).partialSuccess;
}

const protobuf = { 'content-type': 'application/x-protobuf' };

describe('a delta sum', () => {
  it('is an event of the time at which its interval ended', async () => {
    const event = await eventOf(exportOf());
    const idempotencyKey = expect.stringMatching(/^otlp:[0-9a-f]{64}$/);
    const times = { eventTimeMs: endMs, undated: false };
    expect(event).toMatchObject({
      organization: 'org_1',
      metric: 'tokens',
      quantity: '3',
      idempotencyKey,
      ...times,
    });
  });

  it.each([
    ['asInt as text', { asInt: '9007199254740993' }, '9007199254740993'],
    ['the largest', { asInt: '9223372036854775807' }, '9223372036854775807'],
    ['a double', { asInt: undefined, asDouble: 0.1 }, '0.1'],
    ['a small double', { asInt: undefined, asDouble: 1.5e-7 }, '0.00000015'],
    ['a large double', { asInt: undefined, asDouble: 1e19 }, '10000000000000000000'],
    ['a double as text', { asInt: undefined, asDouble: '2.50' }, '2.5'],
    ['zero', { asInt: undefined, asDouble: -0 }, '0'],
  ])('U13: %s is counted exactly', async (_, members, quantity) => {
    expect((await eventOf(exportOf({ metrics: [sumOf([pointOf(members)])] }))).quantity).toBe(quantity);
  });

  it.each([
    ['asInt', '9007199254740993', '9007199254740993'],
    ['asDouble', '0.1000000000000000055511151231257827', '0.1'],
    ['asDouble', '1.7976931348623157e4', '17976.93134862316'],
  ])('U13: a JSON number of %s, %s', async (member, digits, quantity) => {
    const document = exportOf({ metrics: [sumOf([pointOf({ asInt: undefined, [member]: 0 })])] });
    const { events } = await send(JSON.stringify(document).replace(`"${member}":0`, `"${member}":${digits}`));
    expect(events).toMatchObject([{ quantity }]);
  });

  it.each([
    ['asInt', fixedField(6, 9_007_199_254_740_993n), pointOf({ asInt: '9007199254740993' })],
    ['asInt, zero', fixedField(6, 0n), pointOf({ asInt: '0' })],
    ['asDouble', doubleField(4, 0.3), pointOf({ asInt: undefined, asDouble: 0.3 })],
    ['asDouble, zero', doubleField(4, 0), pointOf({ asInt: undefined, asDouble: 0 })],
  ])('U2: %s in protobuf is the same event as in JSON', async (_, value, point) => {
    const { answer, events } = await send(protobufExport(value), { headers: protobuf });
    expect(answer).toMatchObject({ statusCode: 200, body: '', isBase64Encoded: true });
    expect(answer.headers?.['content-type']).toBe('application/x-protobuf');
    const asJson = await eventOf(exportOf({ metrics: [sumOf([point])] }));
    expect(events).toMatchObject([{ ...asJson, idempotencyKey: asJson.idempotencyKey }]);
  });

  it('packed by gzip, in both encodings', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    const asJson = await send(gzipSync(JSON.stringify(exportOf())), { headers: gzip });
    const packed = gzipSync(protobufExport(fixedField(6, 3n)));
    const asProtobuf = await send(packed, { headers: { ...protobuf, ...gzip } });
    expect([asJson.events.length, asProtobuf.events.length]).toEqual([1, 1]);
  });

  it('with a point that says it has no value: that point is no event and no failure', async () => {
    const { answer, events } = await send(exportOf({ metrics: [sumOf([pointOf({ flags: 1 }), pointOf()])] }));
    expect([partialOf(answer), events.length]).toEqual([undefined, 1]);
  });

  it('an export of nothing is a success in both encodings', async () => {
    expect((await send({})).answer).toMatchObject({ statusCode: 200, body: '{}' });
    expect((await send({ resourceMetrics: [] })).answer).toMatchObject({ statusCode: 200, body: '{}' });
    const empty = await send(Buffer.alloc(0), { headers: protobuf });
    expect(empty.answer).toMatchObject({ statusCode: 200, body: '' });
  });
});

describe('the key', () => {
  const attributes = [text('a', '1'), text('b', '2')];
  const document = exportOf({ metrics: [sumOf([pointOf({ attributes })])] });

  it('U2: is the same whatever the order of attributes', async () => {
    const turned = exportOf({ metrics: [sumOf([pointOf({ attributes: attributes.toReversed() })])] });
    expect((await eventOf(turned)).idempotencyKey).toBe((await eventOf(document)).idempotencyKey);
  });

  it.each([
    [
      'resource',
      exportOf({
        resource: [owner, text('service.instance.id', '2')],
        metrics: [sumOf([pointOf({ attributes })])],
      }),
    ],
    [
      'scope',
      exportOf({ scope: { name: 'app', version: '2' }, metrics: [sumOf([pointOf({ attributes })])] }),
    ],
    ['name', exportOf({ metrics: [{ ...sumOf([pointOf({ attributes })]), name: 'calls' }] })],
    [
      'attributes',
      exportOf({ metrics: [sumOf([pointOf({ attributes: [text('a', '1'), text('b', '3')] })])] }),
    ],
    [
      'type of an attribute',
      exportOf({
        metrics: [sumOf([pointOf({ attributes: [text('a', '1'), { key: 'b', value: { intValue: 2 } }] })])],
      }),
    ],
    [
      'start',
      exportOf({ metrics: [sumOf([pointOf({ attributes, startTimeUnixNano: '1795427940000000001' })])] }),
    ],
    ['end', exportOf({ metrics: [sumOf([pointOf({ attributes, timeUnixNano: '1795428000000000001' })])] })],
  ])('U2: is another one with another %s', async (_, other) => {
    expect((await eventOf(other)).idempotencyKey).not.toBe((await eventOf(document)).idempotencyKey);
  });
});

describe('the organization', () => {
  const point = pointOf({ attributes: [text('organization_id', 'org_2'), text('tenant', 'org_3')] });
  const document = exportOf({ metrics: [sumOf([point])] });

  it('is that of the point, else that of the resource', async () => {
    expect((await send(document)).events).toMatchObject([{ organization: 'org_2' }]);
    expect((await send(exportOf())).events).toMatchObject([{ organization: 'org_1' }]);
  });

  it.each([
    [['attributes.tenant'], 'org_3'],
    [['attributes.nothing', 'resource.organization.id'], 'org_1'],
  ])('is found by the mapping %j', async (otlpOrganization, organization) => {
    expect((await send(document, { otlpOrganization })).events).toMatchObject([{ organization }]);
  });

  it('where there is none, the answer names the fields that were looked at', async () => {
    const { answer, events } = await send(exportOf({ resource: [] }));
    const errorMessage = expect.stringContaining(
      'attributes.organization_id, attributes.organization.id, resource.',
    );
    expect(partialOf(answer)).toEqual({ rejectedDataPoints: '1', errorMessage });
    expect(events).toEqual([]);
  });

  it('U10: of somebody else is refused', async () => {
    const authorizer = { ...administrator, organizations: 'org_9' };
    const { answer } = await send(exportOf(), { authorizer });
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([403, 'organization_not_allowed']);
  });
});

describe('what is no usage', () => {
  const points = { dataPoints: [pointOf(), pointOf()] };

  it.each([
    ['a gauge', { name: 'm', gauge: points }, 'not_a_sum'],
    ['a histogram', { name: 'm', histogram: { ...points, aggregationTemporality: 1 } }, 'not_a_sum'],
    ['an exponential histogram', { name: 'm', exponentialHistogram: points }, 'not_a_sum'],
    ['a summary', { name: 'm', summary: points }, 'not_a_sum'],
    ['a cumulative sum', sumOf(points.dataPoints, { aggregationTemporality: 2 }), 'not_a_delta'],
    ['a sum of no temporality', sumOf(points.dataPoints, { aggregationTemporality: 0 }), 'not_a_delta'],
    ['a sum that falls', sumOf(points.dataPoints, { isMonotonic: false }), 'not_monotonic'],
  ])('%s is refused, and the delta sum beside it is counted', async (_, metric, code) => {
    const { answer, events } = await send(exportOf({ metrics: [metric, sumOf([pointOf()])] }));
    const errorMessage = expect.stringMatching(new RegExp(`^${code} \\(2\\): ${metric['name']}: `));
    expect(partialOf(answer)).toEqual({ rejectedDataPoints: '2', errorMessage });
    expect(events).toHaveLength(1);
  });

  it('a cumulative sum is answered with the setting that mends it, in both encodings', async () => {
    const setting = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta';
    const asJson = await send(exportOf({ metrics: [sumOf([pointOf()], { aggregationTemporality: 2 })] }));
    expect(partialOf(asJson.answer)?.errorMessage).toContain(setting);
    const asProtobuf = await send(protobufExport(fixedField(6, 3n), { temporality: 2 }), {
      headers: protobuf,
    });
    const body = Buffer.from(asProtobuf.answer.body ?? '', 'base64');
    expect(asProtobuf.answer).toMatchObject({ statusCode: 200, isBase64Encoded: true });
    // partial_success is field 1, rejected_data_points its field 1: one.
    expect(body.subarray(0, 1)).toEqual(Buffer.from([0x0a]));
    expect(body.includes(Buffer.from([0x08, 0x01, 0x12]))).toBe(true);
    expect(body.toString()).toContain(setting);
  });

  it.each([
    ['NaN', { asInt: undefined, asDouble: 'NaN' }, 'not_finite'],
    ['Infinity', { asInt: undefined, asDouble: '-Infinity' }, 'not_finite'],
    ['no value', { asInt: undefined }, 'missing_value'],
    ['no decimal', { asInt: undefined, asDouble: '0x10' }, 'not_finite'],
    ['a fraction as asInt', { asInt: '1.5' }, 'not_an_int64'],
    ['more than 64 bits', { asInt: '9223372036854775808' }, 'not_an_int64'],
    ['too many digits', { asInt: undefined, asDouble: 1e20 }, 'too_many_integer_digits'],
    ['too fine a double', { asInt: undefined, asDouble: 1.2345678901234568e-5 }, 'too_many_fraction_digits'],
    ['no time', { timeUnixNano: '0' }, 'invalid_timestamp'],
    ['a time far ahead', { timeUnixNano: '1895428000000000000' }, 'timestamp_ahead'],
  ])('%s is refused', async (_, members, code) => {
    const { answer, events } = await send(exportOf({ metrics: [sumOf([pointOf(members)])] }));
    expect(partialOf(answer)).toMatchObject({
      errorMessage: expect.stringMatching(new RegExp(`^${code} \\(1\\)`)),
    });
    expect(events).toEqual([]);
  });

  it('a double in protobuf that is no number', async () => {
    const { answer, events } = await send(protobufExport(doubleField(4, Number.NaN)), { headers: protobuf });
    expect(Buffer.from(answer.body ?? '', 'base64').toString()).toContain('not_finite (1)');
    expect(events).toEqual([]);
  });
});

describe('attributes of the point', () => {
  const attributes = [
    text('model', 'm-1'),
    { key: 'cached', value: { boolValue: true } },
    { key: 'status', value: { intValue: '200' } },
    { key: 'ratio', value: { doubleValue: 0.5 } },
  ];

  it('are properties: the event is the one that the usage API makes of them', async () => {
    const { fingerprint, idempotencyKey } = await eventOf(
      exportOf({ metrics: [sumOf([pointOf({ attributes })])] }),
    );
    const same = {
      organization_id: 'org_1',
      metric_name: 'tokens',
      quantity: 3,
      idempotency_key: idempotencyKey,
      timestamp: new Date(endMs).toISOString(),
      properties: { model: 'm-1', cached: true, status: 200, ratio: 0.5 },
    };
    const { events } = await send(same, { route: 'POST /api/v1/usage/events' });
    expect(events).toMatchObject([{ fingerprint }]);
  });

  it('that fit no property are left out, and the point counts', async () => {
    const many = Array.from({ length: 40 }, (_, index) => text(`name${index}`, 'x'.repeat(200)));
    const odd = [
      text('n'.repeat(65), 'x'),
      text('', 'x'),
      text('__proto__', 'x'),
      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }] } } },
      { key: 'double', value: { doubleValue: 'NaN' } },
      { key: 'none' },
    ];
    await eventOf(exportOf({ metrics: [sumOf([pointOf({ attributes: [...many, ...odd] })])] }));
  });
});

describe('an export as a whole is refused', () => {
  const nested = (levels: number): string =>
    '{"arrayValue":{"values":['.repeat(levels) + ']}}'.repeat(levels);
  const deep = JSON.stringify(exportOf({ resource: [{ key: 'a', value: 0 }, owner] })).replace(
    '"value":0',
    `"value":${nested(2000)}`,
  );

  it.each([
    ['another media type', 'text', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['no JSON', '{', {}, 400, 'invalid_json'],
    ['JSON nested without end', deep, {}, 400, 'invalid_json'],
    ['a list', '[]', {}, 400, 'wrong_type'],
    ['names of protobuf', '{"resource_metrics":[]}', {}, 400, 'invalid_otlp'],
    ['no list', '{"resourceMetrics":{}}', {}, 400, 'invalid_otlp'],
    ['bytes that are no protobuf', Buffer.from('hello'), protobuf, 400, 'invalid_protobuf'],
    [
      'text that is not UTF-8',
      bytesField(1, bytesField(2, bytesField(2, bytesField(1, Buffer.from([0xff]))))),
      protobuf,
      400,
      'invalid_protobuf',
    ],
    [
      'JSON of nothing but small parts',
      `{"resourceMetrics":[${'{},'.repeat(60_000)}{}]}`,
      {},
      400,
      'too_many_messages',
    ],
    [
      'protobuf of nothing but small parts',
      Buffer.from('0a00'.repeat(60_000), 'hex'),
      protobuf,
      400,
      'too_many_messages',
    ],
    ['a byte too many', Buffer.alloc(1024 * 1024 + 1), protobuf, 413, 'body_too_large'],
  ])('%s', async (_, body, headers, status, code) => {
    const { answer, events } = await send(body, { headers });
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([status, code]);
    expect(events).toEqual([]);
  });

  it('more sums than a batch may have; other points are not counted', async () => {
    const points = Array.from({ length: batchEventsMax + 1 }, (_, i) =>
      pointOf({ startTimeUnixNano: String(i) }),
    );
    const gauge = { name: 'g', gauge: { dataPoints: points } };
    const { answer } = await send(exportOf({ metrics: [sumOf(points)] }));
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([400, 'too_many_events']);
    const { events } = await send(exportOf({ metrics: [gauge, sumOf(points.slice(1))] }));
    expect(events).toHaveLength(batchEventsMax);
  });
});
