/** U1, U2: what the door reads is what was sent, byte by byte: two different keys never become one. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { toGatewayEvent } from '../../localstack/runtime/gateway-event.ts';
import { matchRoute } from '../../localstack/runtime/route-table.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import { decodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { administrator, bodyOf, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const keyText = 'the-key';
const [before = '', after = ''] = JSON.stringify(usageBody({ idempotency_key: keyText })).split(keyText);
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

interface Sent {
  readonly key: Buffer;
  readonly gzip?: boolean;
  readonly mark?: boolean;
}

/** Sends one event through the local gateway and the function; the answer, and the key in the log as bytes. */
async function post({ key, gzip = false, mark = false }: Sent) {
  const log = new FakeLog();
  const config = {
    receiptKey: Buffer.alloc(32, 3),
    encryptionKey: Buffer.alloc(32, 1),
    lingerMs: 0,
    envelopeVersion: 2 as const,
  };
  const handle = build(config, { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics });
  const url = '/api/v1/usage/events';
  const match = matchRoute('POST', url);
  if (match.kind !== 'found') throw new Error(match.kind);
  const plain = Buffer.concat([
    mark ? byteOrderMark : Buffer.alloc(0),
    Buffer.from(before),
    key,
    Buffer.from(after),
  ]);
  const headers = { 'content-type': 'application/json', ...(gzip ? { 'content-encoding': 'gzip' } : {}) };
  const request = {
    method: 'POST',
    url,
    headers,
    protocol: 'HTTP/1.1',
    sourceIp: '127.0.0.1',
    body: gzip ? gzipSync(plain) : plain,
    nowMs: testNowMs,
  };
  const caller = { callerId: 'local', scopes: String(administrator.scopes), organizations: '*' };
  // The gateway's event has a caller, as the function's type asks.
  const event = toGatewayEvent(request, match.route, caller) as HttpEvent;
  const result = await handle(event, lambdaContext());
  const [record] = log.appends.flatMap(({ records }) => records);
  if (record === undefined) return { status: result.statusCode, code: bodyOf(result).code, stored: null };
  const decoded = decodeEnvelope(record.value, record.partition);
  if (decoded.kind !== 'envelope') throw new Error(decoded.kind);
  const stored = eventsOf(decoded.envelope)[0]?.idempotencyKey ?? '';
  return { status: result.statusCode, code: null, stored: Buffer.from(stored) };
}

/** Bytes that stand for themselves between the quotes of a JSON string. */
const keyBytes = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).map((text) => Buffer.from(text)),
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: 6 })
      .map((text) => Buffer.from(text).subarray(0, -1)),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).map((text) => Buffer.from(text, 'latin1')),
  )
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c)))
  .filter((bytes) => bytes.length > 0);

it('U2: a key that is accepted is in the log byte by byte as it was sent, plain and in gzip', async () => {
  await fc.assert(
    fc.asyncProperty(keyBytes, fc.boolean(), fc.boolean(), async (key, gzip, mark) => {
      const { status, stored } = await post({ key, gzip, mark });
      if (status === 202) expect(stored?.toString('hex')).toBe(key.toString('hex'));
      else expect([status, stored]).toEqual([400, null]);
    }),
  );
});

it('U2: a body that is not UTF-8 is refused by that name, plain and in gzip', async () => {
  const keys = [[0x63, 0x6c, 0xe9], [0x61, 0xe2, 0x82], [0x61, 0xf0, 0x9f, 0x98], [0xff], [0xed, 0xa0, 0xbd]];
  for (const bytes of keys) {
    for (const gzip of [false, true]) {
      const key = Buffer.from(bytes);
      expect(await post({ key, gzip })).toEqual({ status: 400, code: 'invalid_utf8', stored: null });
    }
  }
});

it('U2: a key in which somebody replaced what was not UTF-8 is refused, because two such keys are equal', async () => {
  expect(await post({ key: Buffer.from('cl\ufffd') })).toMatchObject({ status: 400, stored: null });
});

it('a byte order mark is no part of the body, plain and in gzip', async () => {
  for (const gzip of [false, true]) {
    const key = Buffer.from('clé');
    expect(await post({ key, gzip, mark: true })).toEqual({ status: 202, code: null, stored: key });
  }
});
