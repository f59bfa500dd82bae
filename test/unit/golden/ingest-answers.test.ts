import { gzipSync } from 'node:zlib';
import { beforeEach, it, vi } from 'vitest';
import { build } from '../../../functions/ingest/handler.ts';
import type { HttpEvent, HttpResult } from '../../../shared/http/stack.ts';
import { inFlightEventsMax } from '../../../shared/limits.ts';
import { noMetrics } from '../../../shared/runtime/metrics.ts';
import { answerText, expectGolden } from '../../harness/builders/golden-file.ts';
import { goldenEncryptionKey } from '../../harness/builders/golden-records.ts';
import {
  administrator,
  batchEvent,
  httpEvent,
  lambdaContext,
  usageBody,
} from '../../harness/builders/handlers.ts';
import { FakeClock, settled } from '../../harness/fakes/clock.ts';
import { FakeLog } from '../../harness/fakes/log.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

vi.mock('node:crypto', async (original) => ({
  ...(await original<typeof import('node:crypto')>()),
  randomBytes: (size: number) => Buffer.alloc(size, 7),
  randomUUID: () => '00000000-0000-4000-8000-000000000001',
}));

const config = {
  receiptKey: Buffer.alloc(32, 9),
  encryptionKey: goldenEncryptionKey,
  lingerMs: 0,
  envelopeVersion: 2 as const,
};

function open(log = new FakeLog()): (event: HttpEvent) => Promise<HttpResult> {
  const ports = { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics };
  const handle = build(config, ports);
  return (event) => handle(event, lambdaContext());
}

let answers: string[] = [];
beforeEach(() => {
  answers = [];
});

async function answer(title: string, event: HttpEvent, send = open()): Promise<void> {
  answers.push(answerText(title, await send(event)));
}

const single = (body: unknown, parts: { headers?: Record<string, string> } = {}) =>
  httpEvent({ routeKey: 'POST /api/v1/usage/events', body: JSON.stringify(body), ...parts });
const batch = (body: string) => batchEvent([], { body });
const unnamed = usageBody({ idempotency_key: undefined, timestamp: undefined });
const other = usageBody({ organization_id: 'org_2' });
const gzip = { 'content-encoding': 'gzip' };
const asGzip = (text: string) =>
  batchEvent([], { body: gzipSync(text).toString('base64'), isBase64Encoded: true, headers: gzip });

it('accepted events are answered as in the golden file', async () => {
  const send = open();
  await answer('202 one event', single(usageBody()), send);
  await answer('202 one event without key and timestamp', single(unnamed), send);
  await answer('202 a batch', batchEvent([usageBody(), other, usageBody()]), send);
  await answer(
    '207 a batch with rejected events',
    batchEvent([usageBody({ quantity: 'x' }), usageBody(), 7]),
    send,
  );
  await answer('202 a batch without keys and timestamps', batchEvent([unnamed, usageBody(), unnamed]), send);
  const headers = { 'idempotency-key': 'retry-7' };
  await answer('202 a batch with the header Idempotency-Key', batchEvent([unnamed], { headers }), send);
  await answer('202 a batch in gzip', asGzip(JSON.stringify({ events: [usageBody()] })), send);
  const authorizer = { ...administrator, organizations: 'org_1' };
  await answer('207 some organizations not allowed', batchEvent([usageBody(), other], { authorizer }), send);
  await expectGolden('answers/ingest-accepted.txt', answers.join('\n'));
});

it('invalid requests are answered 400 as in the golden file', async () => {
  await answer('400 one event that is invalid', single(usageBody({ quantity: 'x' })));
  await answer(
    '400 no event accepted',
    batchEvent([usageBody({ extra: 1 }), usageBody({ metric_name: '' })]),
  );
  const atomic = { query: { atomic: 'true' } };
  await answer('400 an atomic batch with an invalid event', batchEvent([usageBody(), 7], atomic));
  await answer('400 unknown parameter', batchEvent([usageBody()], { query: { atomc: 'true' } }));
  await answer('400 no body', batch(''));
  await answer('400 no JSON', batch('{'));
  await answer('400 no object', batch('[]'));
  await answer('400 unknown field', batch('{"events":[],"more":1}'));
  await answer('400 no field events', batch('{}'));
  await answer('400 events is no list', batch('{"events":{}}'));
  await answer('400 no events', batch('{"events":[]}'));
  await answer('400 too many events', batch(`{"events":[${Array(1001).fill('1').join(',')}]}`));
  await answer('400 no UTF-8', batchEvent([], { body: '/w==', isBase64Encoded: true }));
  await answer('400 no gzip', batchEvent([], { body: 'AAAA', isBase64Encoded: true, headers: gzip }));
  for (const header of ['', 'x'.repeat(508), 'a\u0001']) {
    const headers = { 'idempotency-key': header };
    await answer(`400 Idempotency-Key of ${header.length}`, batchEvent([usageBody()], { headers }));
  }
  const keysRequired = { ...administrator, keysRequired: 'true' };
  await answer('400 keys are required', batchEvent([unnamed], { authorizer: keysRequired }));
  const plain = { ...administrator, scopes: 'ingest' };
  const events = [usageBody({ quantity: -1 }), usageBody({ timestamp: '2026-10-01T00:00:00Z' })];
  await answer('400 negative and old without scopes', batchEvent(events, { authorizer: plain }));
  await expectGolden('answers/ingest-400.txt', answers.join('\n'));
});

it('callers without rights are answered 401 and 403 as in the golden file', async () => {
  await answer('401 nobody', batchEvent([usageBody()], { authorizer: null }));
  const reader = { ...administrator, scopes: 'read' };
  await answer('403 no scope ingest', batchEvent([usageBody()], { authorizer: reader }));
  const authorizer = { ...administrator, organizations: 'org_1' };
  await answer('403 no organization allowed', batchEvent([other, other], { authorizer }));
  await expectGolden('answers/ingest-callers.txt', answers.join('\n'));
});

it('bodies that are too large or of another type are answered 413 and 415 as in the golden file', async () => {
  await answer('413 too large', batch('x'.repeat(1024 * 1024 + 1)));
  await answer('413 too large in gzip', asGzip(JSON.stringify(Array.from({ length: 200_000 }, (_, i) => i))));
  await answer('413 a bomb', asGzip('x'.repeat(10_000_000)));
  const csv = { 'content-type': 'text/csv' };
  await answer('415 another media type', batchEvent([usageBody()], { headers: csv }));
  const brotli = { 'content-encoding': 'br' };
  await answer('415 another content encoding', batchEvent([usageBody()], { headers: brotli }));
  await expectGolden('answers/ingest-413-415.txt', answers.join('\n'));
});

it('failures of our own are answered 503 and 500 as in the golden file', async () => {
  const log = new FakeLog({ hold: true });
  const send = open(log);
  const waiting = answer(
    '503 not acknowledged, with keys and stamp',
    batchEvent([unnamed, usageBody()]),
    send,
  );
  await settled();
  await log.appends[0]?.fail();
  await waiting;
  for (let i = 0; i < inFlightEventsMax / 1000; i++) {
    const event = usageBody({ organization_id: `org_${i % 5}` });
    void send(batchEvent(Array.from({ length: 1000 }, () => event)));
  }
  await answer('503 overloaded', batchEvent([unnamed]), send);
  const broken = new FakeLog();
  vi.spyOn(broken, 'append').mockRejectedValue(new Error('a host and its password'));
  await answer('500 a bug', batchEvent([unnamed]), open(broken));
  await expectGolden('answers/ingest-failures.txt', answers.join('\n'));
});
