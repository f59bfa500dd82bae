/** U10: an answer names events without a word about the neighbours on their partition. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { Receipts } from '../../shared/log/receipt.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { batchEvent, bodyOf, httpEvent, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeClock, settled } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const receiptKey = Buffer.alloc(32, 1);
const receipts = new Receipts(receiptKey);
const partitions = 20;
const somePlace = { partition: 2, offset: 3, createdAtMs: 4, organization: 'org_1', firstIndex: 5, count: 6 };

const place = fc.record({
  partition: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  offset: fc.oneof(fc.nat(), fc.maxSafeNat()),
  createdAtMs: fc.nat(2 ** 48 - 1),
  organization: fc.option(fc.string({ minLength: 1, maxLength: 128 })),
  firstIndex: fc.integer({ min: 0, max: 5000 }),
  count: fc.integer({ min: 1, max: 1000 }),
});

describe('a receipt', () => {
  it('opens to the place of its event, in every process that has the key', () => {
    fc.assert(
      fc.property(place, fc.nat(999), (sealed, n) => {
        const { firstIndex, count, organization, ...envelope } = sealed;
        const opened = new Receipts(receiptKey).openReceipt(`${receipts.seal(sealed)}.${n}`);
        const organizationMark = organization === null ? null : receipts.markOf(organization);
        expect(opened).toEqual(n < count ? { ...envelope, organizationMark, index: firstIndex + n } : null);
      }),
    );
  });

  it('beyond the last event of its place opens to nothing', () => {
    fc.assert(
      fc.property(place, (sealed) => {
        const text = receipts.seal(sealed);
        expect(receipts.openReceipt(`${text}.${sealed.count - 1}`)).not.toBeNull();
        expect(receipts.openReceipt(`${text}.${sealed.count}`)).toBeNull();
      }),
    );
  });

  it('is as long as every other, and equal only for an equal place', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const [first, second] = [receipts.seal(a), receipts.seal(b)];
        expect(first).toHaveLength(second.length);
        expect(first === second).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('that was changed in any bit, cut or made up opens to nothing', () => {
    fc.assert(
      fc.property(place, fc.nat(57 * 8 - 1), fc.string(), (sealed, bit, madeUp) => {
        const text = receipts.seal(sealed);
        const bytes = Buffer.from(text, 'base64url');
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const others = [
          `${bytes.toString('base64url')}.0`,
          text,
          `${text}.`,
          `${text}.00`,
          `${text}.-1`,
          `${text}.0 `,
        ];
        for (const other of [...others, `${text.slice(1)}.0`, `${text}A.0`, `${text}=.0`, madeUp])
          expect(receipts.openReceipt(other)).toBeNull();
      }),
    );
  });

  it('has no second spelling', () => {
    const text = receipts.seal(somePlace);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [...alphabet].filter((last) => receipts.openReceipt(`${text.slice(0, -1)}${last}.0`));
    expect(spellings).toEqual([text.at(-1)]);
  });

  it('opens to nothing under another key', () => {
    const text = receipts.seal(somePlace);
    expect(new Receipts(Buffer.alloc(32, 2)).openReceipt(`${text}.0`)).toBeNull();
  });
});

const neighbour = neighbourOf('spy');

/** Another organization of the same partition. */
function neighbourOf(organization: string): string {
  for (let i = 0; ; i++) {
    const name = `org_${i}`;
    if (partitionOf(name, partitions) === partitionOf(organization, partitions)) return name;
  }
}

/** The answers to a spy, with the events that a neighbour sent before and within the same envelope. */
async function watch({ before, within }: { readonly before: number; readonly within: number }) {
  const log = new FakeLog();
  const config = { receiptKey, encryptionKey: Buffer.alloc(32, 2), lingerMs: 5, envelopeVersion: 2 as const };
  const clock = new FakeClock();
  const handle = build(config, { log, clock, logger: new FakeLogger(), metrics: noMetrics });
  const send = async (...events: readonly Parameters<typeof handle>[0][]) => {
    const answers = events.map((event) => handle(event, lambdaContext()));
    await settled();
    await clock.advance(5);
    return Promise.all(answers);
  };
  const others = (count: number) =>
    batchEvent(Array.from({ length: count }, () => usageBody({ organization_id: neighbour })));
  for (let i = 0; i < before; i++) await send(others(1));
  const own = usageBody({ organization_id: 'spy' });
  const single = httpEvent({ routeKey: 'POST /api/v1/usage/events', body: JSON.stringify(own) });
  // The first request is alone, so the others wait behind it and share an envelope.
  const company = [others(1), ...(within === 0 ? [] : [others(within)])];
  const answers = await send(...company, batchEvent([own, own]), single);
  return answers.slice(-2).map(bodyOf);
}

/** An answer without its receipts' sealed parts. */
function openParts(answers: readonly object[]): string {
  return JSON.stringify(answers).replaceAll(/[\w-]{76}/g, '<sealed>');
}

it('U10: but for sealed text, an answer is the same whatever the neighbours send', async () => {
  const alone = await watch({ before: 0, within: 0 });
  expect(openParts(alone)).toBe(
    '[{"complete":true,"accepted":2,"rejected":[],"receipts":[{"receipt":"<sealed>","indexes":[0,1]}]},' +
      '{"accepted":1,"receipt":"<sealed>.0"}]',
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(12), fc.nat(250), async (before, within) => {
      expect(openParts(await watch({ before, within }))).toBe(openParts(alone));
    }),
    { numRuns: 20 },
  );
});

it('U10: and the sealed text opens to where the events are', async () => {
  const [batch, single] = await watch({ before: 7, within: 250 });
  const partition = partitionOf('spy', partitions);
  // The answer's own shape; what it holds is compared.
  const [{ receipt } = { receipt: '' }] = Object(batch).receipts as readonly { readonly receipt: string }[];
  const places = [`${receipt}.0`, `${receipt}.1`, String(single?.receipt)].map((text) =>
    receipts.openReceipt(text),
  );
  const organizationMark = receipts.markOf('spy');
  expect(places).toEqual(
    [250, 251, 252].map((index) => {
      return { partition, offset: 8, createdAtMs: expect.any(Number), organizationMark, index };
    }),
  );
});
