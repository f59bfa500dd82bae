import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import type { HttpEvent, HttpResult } from '../../shared/http/stack.ts';
import { acceptWaitMsMax, inFlightEventsMax } from '../../shared/limits.ts';
import { decodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import { Receipts } from '../../shared/log/receipt.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import {
  administrator,
  batchEvent,
  bodyOf,
  httpEvent,
  lambdaContext,
  usageBody,
} from '../harness/builders/handlers.ts';
import { FakeClock, settled, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const config = {
  receiptKey: Buffer.alloc(32, 3),
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const receiptsOfTest = new Receipts(config.receiptKey);
const single = 'POST /api/v1/usage/events';

interface Setup {
  readonly log: FakeLog;
  readonly clock: FakeClock;
  readonly logger: FakeLogger;
  readonly send: (event: HttpEvent, remainingMs?: number) => Promise<HttpResult>;
}

function setup(hold = false): Setup {
  const log = new FakeLog({ hold });
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const handle = build(config, { log, clock, logger, metrics: noMetrics });
  return { log, clock, logger, send: (event, remainingMs) => handle(event, lambdaContext(remainingMs)) };
}

function storedEvents(log: FakeLog): readonly SealedEvent[] {
  return log.appends
    .flatMap(({ records }) => records)
    .flatMap(({ partition, value }) => {
      const decoded = decodeEnvelope(value, partition);
      if (decoded.kind !== 'envelope') throw new Error(decoded.kind);
      return eventsOf(decoded.envelope);
    });
}

describe('what is accepted', () => {
  it('one event is answered with its receipt', async () => {
    const { send, log } = setup();
    const result = await send(httpEvent({ routeKey: single, body: JSON.stringify(usageBody()) }));
    expect(result.statusCode).toBe(202);
    expect(bodyOf(result)).toEqual({ accepted: 1, receipt: expect.any(String) });
    const organizationMark = receiptsOfTest.markOf('org_1');
    const where = { partition: partitionOf('org_1', 20), offset: 0, index: 0 };
    const place = { ...where, createdAtMs: testNowMs, organizationMark };
    expect(receiptsOfTest.openReceipt(String(bodyOf(result).receipt))).toEqual(place);
    expect(storedEvents(log)).toEqual([
      expect.objectContaining({
        organization: 'org_1',
        metric: 'api_calls',
        quantity: '1',
        undated: false,
        sealed: null,
      }),
    ]);
  });

  it('a batch is accepted event by event, in request order', async () => {
    const { send, log } = setup();
    const events = [usageBody(), usageBody({ quantity: 'many' }), usageBody({ organization_id: 'org_2' }), 7];
    const result = await send(batchEvent(events));
    expect(result.statusCode).toBe(207);
    const { accepted, rejected, receipts } = bodyOf(result);
    expect(bodyOf(result)).toMatchObject({ complete: false });
    expect(accepted).toBe(2);
    expect(receipts).toEqual([
      { receipt: expect.any(String), indexes: [0] },
      { receipt: expect.any(String), indexes: [2] },
    ]);
    expect(rejected).toEqual([
      { index: 1, code: 'not_a_decimal', field: 'quantity', message: expect.any(String) },
      { index: 3, code: 'wrong_type', field: '', message: expect.any(String) },
    ]);
    expect(new Set(storedEvents(log).map(({ organization }) => organization))).toEqual(
      new Set(['org_1', 'org_2']),
    );
  });

  it('a batch that is accepted as a whole says so by status and body', async () => {
    const { send } = setup();
    const result = await send(batchEvent([usageBody(), usageBody()]));
    expect([result.statusCode, bodyOf(result)]).toMatchObject([
      202,
      { complete: true, accepted: 2, rejected: [] },
    ]);
  });

  it('?atomic=true refuses a batch whole where it would not accept every event, and nothing is stored', async () => {
    const { send, log } = setup();
    const events = [usageBody(), usageBody({ quantity: 'many' }), usageBody({ metric_name: '' })];
    const result = await send(batchEvent(events, { query: { atomic: 'true' } }));
    expect([result.statusCode, bodyOf(result)]).toMatchObject([
      400,
      {
        code: 'batch_refused',
        errors: [
          { index: 1, code: 'not_a_decimal' },
          { index: 2, code: 'invalid_name' },
        ],
      },
    ]);
    expect(log.appends).toHaveLength(0);
  });

  it('?atomic=true refuses a batch also for what only the caller decides', async () => {
    const { send, log } = setup();
    const authorizer = { ...administrator, organizations: 'org_1' };
    const events = [usageBody(), usageBody({ organization_id: 'org_2' })];
    const result = await send(batchEvent(events, { authorizer, query: { atomic: 'true' } }));
    expect([result.statusCode, bodyOf(result).code]).toEqual([400, 'batch_refused']);
    expect(log.appends).toHaveLength(0);
  });

  it('?atomic=true changes nothing for a batch that is valid, and ?atomic=false nothing for any', async () => {
    const { send } = setup();
    const whole = await send(batchEvent([usageBody()], { query: { atomic: 'true' } }));
    expect([whole.statusCode, bodyOf(whole)]).toMatchObject([202, { complete: true, accepted: 1 }]);
    const part = await send(batchEvent([usageBody(), 7], { query: { atomic: 'false' } }));
    expect(part.statusCode).toBe(207);
  });

  it.each([{ atomic: 'True' }, { atomic: '' }, { atomic: 'true,true' }, { atomc: 'true' }, { dry_run: '1' }])(
    'the query %j of a batch is refused: whoever relies on it would lose what it promises',
    async (query) => {
      const { send, log } = setup();
      const result = await send(batchEvent([usageBody()], { query }));
      expect([result.statusCode, bodyOf(result).code]).toEqual([400, 'invalid_parameter']);
      expect(log.appends).toHaveLength(0);
    },
  );

  it('a batch without an acceptable event is 400 with every reason, and nothing is stored', async () => {
    const { send, log } = setup();
    const result = await send(batchEvent([usageBody({ extra: 1 }), usageBody({ metric_name: '' })]));
    expect(result.statusCode).toBe(400);
    expect(result.headers).toMatchObject({ 'content-type': 'application/problem+json' });
    expect(bodyOf(result)).toMatchObject({
      status: 400,
      code: 'no_event_accepted',
      errors: [
        { index: 0, field: 'extra', code: 'unknown_field' },
        { index: 1, field: 'metric_name', code: 'invalid_name' },
      ],
    });
    expect(log.appends).toHaveLength(0);
  });

  it('U13: every digit of a JSON number reaches the log', async () => {
    const { send, log } = setup();
    const body = `{"events":[{"organization_id":"o","metric_name":"m","idempotency_key":"k","quantity":
      12345678901234567890.123456789012345678}]}`;
    expect((await send(batchEvent([], { body }))).statusCode).toBe(202);
    expect(storedEvents(log)[0]?.quantity).toBe('12345678901234567890.123456789012345678');
  });

  it('a body in base64, in gzip, and in both is the same body', async () => {
    const { send } = setup();
    const text = JSON.stringify({ events: [usageBody({ idempotency_key: 'schlüssel' })] });
    const gzip = { 'content-encoding': 'gzip' };
    const bodies = [
      batchEvent([], { body: text }),
      batchEvent([], { body: Buffer.from(text).toString('base64'), isBase64Encoded: true }),
      batchEvent([], { body: gzipSync(text).toString('base64'), isBase64Encoded: true, headers: gzip }),
      batchEvent([], { body: gzipSync(text).toString('latin1'), headers: gzip }),
    ];
    for (const event of bodies) expect((await send(event)).statusCode).toBe(202);
  });
});

describe('keys and stamps that the server makes', () => {
  it('a missing key is made, returned, and warned about', async () => {
    const { send, log } = setup();
    const result = await send(batchEvent([usageBody(), usageBody({ idempotency_key: undefined })]));
    const body = bodyOf(result);
    expect(body.generated_keys).toEqual([
      { index: 1, idempotency_key: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    ]);
    expect(body.warning).toMatch(/count again/);
    expect(body.generated_keys).toMatchObject([{ idempotency_key: storedEvents(log)[1]?.idempotencyKey }]);
  });

  it('the Idempotency-Key header makes the keys of events without one', async () => {
    const { send, log } = setup();
    const headers = { 'idempotency-key': 'retry-7' };
    const events = [
      usageBody({ idempotency_key: undefined }),
      usageBody(),
      usageBody({ idempotency_key: undefined }),
    ];
    const body = bodyOf(await send(batchEvent(events, { headers })));
    expect(storedEvents(log).map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      'retry-7:0',
      'key-1',
      'retry-7:2',
    ]);
    expect(body).not.toHaveProperty('warning');
  });

  it('a header that makes no key is refused', async () => {
    const { send } = setup();
    for (const header of ['', 'x'.repeat(508), 'a\u0001', 'clÃ©']) {
      const result = await send(batchEvent([usageBody()], { headers: { 'idempotency-key': header } }));
      expect(result.statusCode).toBe(400);
      expect(bodyOf(result)).toMatchObject({ errors: [{ field: 'Idempotency-Key' }] });
    }
  });

  it('a caller can be set to require keys; the header gives them', async () => {
    const { send } = setup();
    const authorizer = { ...administrator, keysRequired: 'true' };
    const events = [usageBody({ idempotency_key: undefined })];
    const result = await send(batchEvent(events, { authorizer }));
    expect(result.statusCode).toBe(400);
    expect(bodyOf(result)).toMatchObject({ errors: [{ index: 0, code: 'idempotency_key_required' }] });
    const headers = { 'idempotency-key': 'h' };
    expect((await send(batchEvent(events, { authorizer, headers }))).statusCode).toBe(202);
  });

  it('undated events of a request get one stamp, which the answer names', async () => {
    const { send, log } = setup();
    const events = [usageBody({ timestamp: undefined }), usageBody(), usageBody({ timestamp: undefined })];
    expect(bodyOf(await send(batchEvent(events)))).toMatchObject({ stamped_at: '2026-11-23T10:00:00.000Z' });
    expect(storedEvents(log).map(({ undated, eventTimeMs }) => [undated, eventTimeMs === testNowMs])).toEqual(
      [
        [true, true],
        [false, false],
        [true, true],
      ],
    );
  });

  it('U1: a 503 carries the keys and the stamp that the server made', async () => {
    const { send, log, logger } = setup(true);
    const answer = send(batchEvent([usageBody({ idempotency_key: undefined, timestamp: undefined })]));
    await settled();
    const stored = storedEvents(log)[0];
    await log.appends[0]?.fail();
    const result = await answer;
    expect(result.statusCode).toBe(503);
    expect(result.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'application/problem+json' });
    expect(bodyOf(result)).toMatchObject({
      code: 'log_unavailable',
      generated_keys: [{ index: 0, idempotency_key: stored?.idempotencyKey }],
      stamped_at: '2026-11-23T10:00:00.000Z',
    });
    expect(result.body).not.toContain('the test failed');
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { requestId: 'request-1' } }]);
  });

  it('the same event sent again has the same fingerprint, whichever process took it', async () => {
    const [first, second] = [setup(), setup()];
    const event = usageBody({ properties: { b: 1, a: 'x' } });
    await first.send(batchEvent([event]));
    await second.send(batchEvent([usageBody({ properties: { a: 'x', b: 1.0 } })]));
    expect(storedEvents(first.log)[0]?.fingerprint).toBe(storedEvents(second.log)[0]?.fingerprint);
    expect(storedEvents(first.log)[0]?.sealed).not.toBe(storedEvents(second.log)[0]?.sealed);
  });
});

describe('who may send what', () => {
  it('without a recognised caller nothing is read', async () => {
    const { send } = setup();
    for (const authorizer of [null, {}, { callerId: '' }, { callerId: 7, scopes: 'ingest' }]) {
      const result = await send(batchEvent([usageBody()], { authorizer }));
      expect(result.statusCode).toBe(401);
      expect(bodyOf(result)).toMatchObject({ code: 'unauthenticated', status: 401 });
    }
  });

  it('the scope ingest is needed', async () => {
    const { send } = setup();
    const result = await send(
      batchEvent([usageBody()], { authorizer: { ...administrator, scopes: 'read' } }),
    );
    expect([result.statusCode, bodyOf(result).code]).toEqual([403, 'scope_required']);
  });

  it('organizations outside the list are rejected; all of them: 403', async () => {
    const { send } = setup();
    const authorizer = { ...administrator, organizations: 'org_1, org_3' };
    const other = usageBody({ organization_id: 'org_2' });
    const some = await send(batchEvent([usageBody(), other], { authorizer }));
    expect(some.statusCode).toBe(207);
    expect(bodyOf(some)).toMatchObject({
      accepted: 1,
      rejected: [{ index: 1, code: 'organization_not_allowed' }],
    });
    const none = await send(batchEvent([other, other], { authorizer }));
    expect([none.statusCode, bodyOf(none).code]).toEqual([403, 'organization_not_allowed']);
  });

  it('a negative quantity needs the scope correct; minus zero does not', async () => {
    const { send } = setup();
    const authorizer = { ...administrator, scopes: 'ingest' };
    const events = [usageBody({ quantity: '-0.5' }), usageBody({ quantity: '-0' })];
    const body = bodyOf(await send(batchEvent(events, { authorizer })));
    expect(body).toMatchObject({ accepted: 1, rejected: [{ index: 0, code: 'negative_quantity' }] });
    expect(bodyOf(await send(batchEvent(events)))).toMatchObject({ accepted: 2 });
  });
});

describe('overload', () => {
  it('above the bound the answer is 503 with Retry-After, at once and without a log line', async () => {
    const { send, log, logger } = setup(true);
    const waiting = Array.from({ length: inFlightEventsMax / 1000 }, (_, i) => {
      const event = usageBody({ organization_id: `org_${i % 5}` });
      return send(batchEvent(Array.from({ length: 1000 }, () => event)));
    });
    const result = await send(batchEvent([usageBody()]));
    expect(result.statusCode).toBe(503);
    expect(result.headers).toMatchObject({ 'retry-after': '1' });
    expect(bodyOf(result)).toMatchObject({ code: 'overloaded' });
    expect(logger.lines).toEqual([]);
    for (let i = 0; i < log.appends.length; i++) await log.appends[i]?.acknowledge();
    expect((await Promise.all(waiting)).every(({ statusCode }) => statusCode === 202)).toBe(true);
  });

  it('a log that does not settle is 503 before the invocation ends', async () => {
    const { send, clock } = setup(true);
    const answer = send(batchEvent([usageBody()]), 3000);
    await settled();
    for (let passed = 0; passed < 3000; passed += 250) await clock.advance(250);
    expect((await answer).statusCode).toBe(503);
    expect(clock.now() - testNowMs).toBeLessThan(acceptWaitMsMax);
  });
});
