import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { batchEvent, bodyOf, httpEvent, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

vi.setConfig({ testTimeout: 30_000 });

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

const field = fc.constantFrom(...Object.keys(usageBody({ properties: {}, other: 1 })));
/** A good event with some fields replaced by anything. */
const nearlyEvent = fc.dictionary(field, fc.jsonValue(), { maxKeys: 2 }).map((fields) => usageBody(fields));

it('validation is total: any JSON has an answer below 500, and a batch loses no event', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(nearlyEvent, fc.jsonValue()), { minLength: 1, maxLength: 8 }),
      async (events) => {
        const result = await handle(batchEvent(events), lambdaContext());
        const body = bodyOf(result);
        if (result.statusCode === 202 || result.statusCode === 207) {
          const rejected = Array.isArray(body.rejected) ? body.rejected.length : Number.NaN;
          expect(Number(body.accepted) + rejected).toBe(events.length);
          expect(result.statusCode).toBe(rejected === 0 ? 202 : 207);
          // The answer's own shape; what it holds is compared.
          const receipts = body.receipts as readonly { readonly indexes: readonly number[] }[];
          expect(receipts.flatMap(({ indexes }) => indexes)).toHaveLength(Number(body.accepted));
        } else {
          expect(result.statusCode).toBe(400);
          expect(body.errors).toHaveLength(events.length);
        }
      },
    ),
    { numRuns: 300 },
  );
});

it('validation is total: any body, as text or bytes, with any headers has an answer below 500', async () => {
  const headers = fc.dictionary(
    fc.constantFrom('content-type', 'content-encoding', 'idempotency-key'),
    fc.oneof(fc.constantFrom('application/json', 'gzip', 'identity', 'key'), fc.string()),
  );
  const body = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.base64String());
  const routeKey = fc.constantFrom('POST /api/v1/usage/events', 'POST /api/v1/usage/events/batch');
  await fc.assert(
    fc.asyncProperty(routeKey, body, headers, fc.boolean(), async (route, text, given, isBase64Encoded) => {
      const event = httpEvent({ routeKey: route, body: text, headers: given, isBase64Encoded });
      expect((await handle(event, lambdaContext())).statusCode).toBeLessThan(500);
    }),
    { numRuns: 300 },
  );
});
