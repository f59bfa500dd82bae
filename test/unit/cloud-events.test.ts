/** CloudEvents 1.0 over HTTP, in the three modes of its binding. */
import { describe, expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import { decodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { administrator, bodyOf, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const settings = {
  receiptKey: Buffer.alloc(32, 3),
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const routeKey = 'POST /api/v1/events';
const structured = { 'content-type': 'application/cloudevents+json' };
const binary = {
  'ce-specversion': '1.0',
  'ce-id': 'e1',
  'ce-source': '/gateway',
  'ce-type': 'tokens',
  'ce-subject': 'org_1',
  'ce-time': '2026-11-23T09:59:58Z',
};

function cloudEvent(attributes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    specversion: '1.0',
    id: 'e1',
    source: '/gateway',
    type: 'tokens',
    subject: 'org_1',
    time: '2026-11-23T09:59:58Z',
    data: { value: 7 },
    ...attributes,
  };
}

/** Sends one request; answers it and what the log holds then. */
function send(body: unknown, headers: Readonly<Record<string, string>> = structured) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return handle(httpEvent({ routeKey, body: text, headers }));
}

/** The same for a whole request. */
async function handle(request: HttpEvent) {
  const log = new FakeLog();
  const ports = { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics };
  const answer = await build(settings, ports)(request, lambdaContext());
  const events = log.appends.flatMap(({ records }) => {
    return records.flatMap(({ partition, value }) => {
      const decoded = decodeEnvelope(value, partition);
      return decoded.kind === 'envelope' ? eventsOf(decoded.envelope) : [];
    });
  });
  return { answer, events };
}

const stored = {
  organization: 'org_1',
  metric: 'tokens',
  quantity: '7',
  idempotencyKey: '/gateway e1',
  eventTimeMs: Date.UTC(2026, 10, 23, 9, 59, 58),
  undated: false,
};

describe('what is accepted', () => {
  it.each([
    ['structured', cloudEvent(), structured],
    [
      'structured, with a charset',
      cloudEvent(),
      { 'content-type': 'application/cloudevents+json; charset=UTF-8' },
    ],
    ['structured, as plain JSON', cloudEvent(), {}],
    ['batched', [cloudEvent()], { 'content-type': 'application/cloudevents-batch+json' }],
    ['batched, as plain JSON', [cloudEvent()], {}],
    ['binary', { value: 7 }, binary],
  ])('an event in %s mode is answered with 204 and no body', async (_mode, body, headers) => {
    const { answer, events } = await send(body, headers);
    expect(answer).toEqual({ statusCode: 204, headers: { 'cache-control': 'no-store' } });
    expect(events).toEqual([expect.objectContaining(stored)]);
  });

  it('U13: a quantity keeps every digit, as a number and as text', async () => {
    const digits = '12345678901234567890.123456789012345678';
    const text = JSON.stringify(cloudEvent({ data: { value: 0 } })).replace('"value":0', `"value":${digits}`);
    expect((await send(text)).events).toEqual([expect.objectContaining({ quantity: digits })]);
    const { events } = await send(cloudEvent({ data: { quantity: digits } }));
    expect(events).toEqual([expect.objectContaining({ quantity: digits })]);
  });

  it('extensions, other members of the data and an absent time are no hindrance', async () => {
    const { answer, events } = await send(
      cloudEvent({
        time: undefined,
        traceparent: '00-1',
        data: { value: 7, model: 'm', nested: { a: [1] } },
      }),
    );
    expect(answer.statusCode).toBe(204);
    expect(events).toEqual([expect.objectContaining({ undated: true, quantity: '7' })]);
  });

  it('texts among the data whose names and values fit become dimensions, eight at most, and others are ignored', async () => {
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`n${i}`, `${i}`]));
    const data = {
      value: '7',
      quantity: '8',
      model: 'm',
      Region: 'eu',
      long: 'x'.repeat(129),
      tab: '\t',
      n: 1,
      a: ['b'],
    };
    expect((await send(cloudEvent({ data }))).events).toMatchObject([
      { quantity: '7', dimensions: '{"model":"m"}' },
    ]);
    const { events } = await send(cloudEvent({ data: { value: 1, ...many } }));
    expect(events[0]?.dimensions).toBe(
      `{${Array.from({ length: 8 }, (_, i) => `"n${i}":"${i}"`).join(',')}}`,
    );
  });

  it('while envelopes of version 1 are written, its events are accepted without dimensions', async () => {
    const log = new FakeLog();
    const ports = { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics };
    const body = JSON.stringify(cloudEvent({ data: { value: 7, model: 'm' } }));
    const request = httpEvent({ routeKey, body, headers: structured });
    const answer = await build({ ...settings, envelopeVersion: 1 }, ports)(request, lambdaContext());
    expect(answer.statusCode).toBe(204);
    const value = log.appends[0]?.records[0]?.value;
    expect(value?.readUInt8(4)).toBe(1);
  });

  it('data of binary mode without a content type is JSON', async () => {
    const request = httpEvent({ routeKey, body: '{"value":7}', headers: binary });
    delete request.headers['content-type'];
    expect((await handle(request)).answer.statusCode).toBe(204);
  });

  it('header fields of binary mode hold UTF-8 as %xx', async () => {
    const { events } = await send({ value: 1 }, { ...binary, 'ce-id': 'caf%C3%A9 100% %zz' });
    expect(events).toEqual([expect.objectContaining({ idempotencyKey: '/gateway café 100% %zz' })]);
  });

  it('two pairs of source and id never make one key', async () => {
    const { answer } = await send([
      cloudEvent({ source: 'a', id: 'b c' }),
      cloudEvent({ source: 'a b', id: 'c' }),
    ]);
    expect(bodyOf(answer).errors).toEqual([
      expect.objectContaining({ index: 1, field: 'source', code: 'invalid_value' }),
    ]);
  });
});

describe('what is refused', () => {
  it.each([
    ['specversion', { specversion: '0.3' }, 'invalid_value'],
    ['id', { id: '' }, 'invalid_value'],
    ['source', { source: undefined }, 'missing_field'],
    ['type', { type: undefined }, 'missing_field'],
    ['type', { type: 'a b' }, 'invalid_name'],
    ['subject', { subject: undefined }, 'missing_field'],
    ['subject', { subject: 'a/b' }, 'invalid_name'],
    ['time', { time: 'yesterday' }, 'invalid_timestamp'],
    ['time', { time: '1990-01-01T00:00:00Z' }, 'timestamp_too_old'],
    ['source and id', { id: 'x'.repeat(600) }, 'too_long'],
    ['data', { data: 'text' }, 'invalid_value'],
    ['data', { data: undefined, data_base64: 'eyJ2YWx1ZSI6MX0=' }, 'missing_field'],
    ['data.value', { data: {} }, 'missing_field'],
    ['data.value', { data: { value: [] } }, 'wrong_type'],
    ['data.value', { data: { value: 'many' } }, 'not_a_decimal'],
  ])('%s of %j is named in the words of CloudEvents', async (field, attributes, code) => {
    const { answer, events } = await send(cloudEvent(attributes));
    expect(answer.statusCode).toBe(400);
    expect(answer.headers?.['content-type']).toBe('application/problem+json');
    const [error] = bodyOf(answer).errors as readonly { message: string }[];
    expect(error).toMatchObject({ index: 0, field, code });
    expect(error?.message.startsWith(field)).toBe(true);
    expect(events).toEqual([]);
  });

  it('a batch with one such event, as a whole', async () => {
    const { answer, events } = await send([cloudEvent(), cloudEvent({ type: undefined }), 7]);
    expect(answer.statusCode).toBe(400);
    expect(bodyOf(answer)).toMatchObject({ code: 'batch_refused' });
    expect(bodyOf(answer).errors).toMatchObject([{ index: 1, field: 'type' }, { index: 2 }]);
    expect(events).toEqual([]);
  });

  it.each([
    [415, { 'content-type': 'text/plain' }, cloudEvent()],
    [415, { ...binary, 'content-type': 'application/octet-stream' }, { value: 1 }],
    [400, structured, []],
    [400, structured, 'not JSON'],
    [400, structured, ''],
  ])('%i for %j', async (status, headers, body) => {
    expect((await send(body, headers)).answer.statusCode).toBe(status);
  });

  it('an organization that the caller may not report for', async () => {
    const authorizer = { ...administrator, organizations: 'org_2' };
    const request = httpEvent({
      routeKey,
      body: JSON.stringify(cloudEvent()),
      headers: structured,
      authorizer,
    });
    const { answer } = await handle(request);
    expect(answer.statusCode).toBe(403);
    expect(bodyOf(answer).errors).toMatchObject([{ field: 'subject', code: 'organization_not_allowed' }]);
  });
});
