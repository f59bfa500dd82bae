/** Dimensions of events over HTTP: limits, canonical text, and what older envelopes cannot carry. */
import { describe, expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { dimensionNameCharsMax, dimensionsMax, dimensionValueCharsMax } from '../../shared/limits.ts';
import { decodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { bodyOf, httpEvent, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

function setup(envelopeVersion: 1 | 2 = 2) {
  const log = new FakeLog();
  const settings = {
    receiptKey: Buffer.alloc(32, 3),
    encryptionKey: Buffer.alloc(32, 1),
    lingerMs: 0,
    envelopeVersion,
  };
  const ports = { log, clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics };
  const handle = build(settings, ports);
  const send = (dimensions: unknown) => {
    const body = JSON.stringify({ ...usageBody(), dimensions });
    return handle(httpEvent({ routeKey: 'POST /api/v1/usage/events', body }), lambdaContext());
  };
  const stored = () =>
    log.appends
      .flatMap(({ records }) => records)
      .flatMap(({ partition, value }) => {
        const decoded = decodeEnvelope(value, partition);
        return decoded.kind === 'envelope' ? eventsOf(decoded.envelope) : [];
      });
  return { log, send, stored };
}

const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, 'x']));

it.each<[good: unknown, bad: unknown, field: string, code: string]>([
  [labels(dimensionsMax), labels(dimensionsMax + 1), 'dimensions', 'too_many'],
  [
    { ['n'.repeat(dimensionNameCharsMax)]: 'x' },
    { ['n'.repeat(dimensionNameCharsMax + 1)]: 'x' },
    'dimensions',
    'invalid_name',
  ],
  [{ az_09: '' }, { Region: 'eu' }, 'dimensions', 'invalid_name'],
  [{ 1: 'y' }, { '': 'x' }, 'dimensions', 'invalid_name'],
  [{}, [], 'dimensions', 'wrong_type'],
  [null, 'eu', 'dimensions', 'wrong_type'],
  [
    { a: 'x'.repeat(dimensionValueCharsMax) },
    { a: 'x'.repeat(dimensionValueCharsMax + 1) },
    'dimensions.a',
    'too_long',
  ],
  [
    { a: '🔑'.repeat(dimensionValueCharsMax) },
    { a: '🔑'.repeat(dimensionValueCharsMax + 1) },
    'dimensions.a',
    'too_long',
  ],
  [{ a: '"\\' }, { a: 'a\nb' }, 'dimensions.a', 'invalid_characters'],
  [{ a: 'größe' }, { a: 'a\u0085b' }, 'dimensions.a', 'invalid_characters'],
  [{ a: '' }, { a: '\ud83d' }, 'dimensions.a', 'invalid_characters'],
  [{ a: '1' }, { a: 1 }, 'dimensions.a', 'wrong_type'],
  [{ a: '1' }, { a: 12345678901234567000 }, 'dimensions.a', 'wrong_type'],
  [{ a: '1' }, { a: null }, 'dimensions.a', 'wrong_type'],
  [{ a: '1' }, { a: { b: 'c' } }, 'dimensions.a', 'wrong_type'],
])('dimensions %j are accepted, and %j are not', async (good, bad, field, code) => {
  const { send } = setup();
  expect((await send(good)).statusCode).toBe(202);
  const refused = await send(bad);
  expect([refused.statusCode, bodyOf(refused).errors]).toEqual([
    400,
    [expect.objectContaining({ field, code })],
  ]);
});

describe('dimensions', () => {
  it('are stored in their canonical text, and part of the fingerprint', async () => {
    const { send, stored } = setup();
    for (const dimensions of [{ region: 'eu', model: 'm' }, { model: 'm', region: 'eu' }, {}, undefined]) {
      const { statusCode } = await send(dimensions);
      expect(statusCode).toBe(202);
    }
    const [one, two, three, four] = stored();
    expect(one?.dimensions).toBe('{"model":"m","region":"eu"}');
    expect([two?.dimensions, two?.fingerprint]).toEqual([one?.dimensions, one?.fingerprint]);
    expect([three?.dimensions, three?.fingerprint]).toEqual(['', four?.fingerprint]);
    expect(three?.fingerprint).not.toBe(one?.fingerprint);
  });

  it('are refused while envelopes of version 1 are written, and events without them are not', async () => {
    const { send, log } = setup(1);
    const refused = await send({ region: 'eu' });
    expect([refused.statusCode, bodyOf(refused).errors]).toEqual([
      400,
      [expect.objectContaining({ field: 'dimensions', code: 'dimensions_not_accepted' })],
    ]);
    expect((await send({})).statusCode).toBe(202);
    expect(log.appends.flatMap(({ records }) => records).map(({ value }) => value.readUInt8(4))).toEqual([1]);
  });
});
