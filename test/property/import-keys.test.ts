import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type NamedInput, readRows } from '../../localstack/importing/read-rows.ts';
import { Repetitions } from '../../localstack/importing/repetitions.ts';
import { sendRows } from '../../localstack/importing/send-rows.ts';
import type { FileRow } from '../../localstack/importing/to-row.ts';
import { bodyBytesMax } from '../../shared/limits.ts';

/** Few values, so that files have equal rows. */
const row = fc.record(
  {
    organization_id: fc.constantFrom('o', 'p'),
    metric_name: fc.constant('m'),
    quantity: fc.constantFrom(1, 1.5, '1.50', '12345678901234567890.5'),
    timestamp: fc.constantFrom(
      '2026-11-23T10:00:00Z',
      '2026-11-23T10:00:00.0001Z',
      '2026-11-23T10:00:00.0002Z',
    ),
    properties: fc.dictionary(fc.constantFrom('a', '\u2028', 'é'), fc.constantFrom('计', 1, null, false), {
      maxKeys: 3,
    }),
  },
  { requiredKeys: ['organization_id', 'metric_name', 'quantity'] },
);
const file = fc.array(row, { minLength: 1, maxLength: 30 });

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

interface Reading {
  readonly chunkBytes?: number;
  readonly name?: string;
  readonly pack?: (bytes: Buffer) => Buffer;
}

async function rowsOf(input: NamedInput, organizationPrefix = ''): Promise<AsyncIterable<FileRow>> {
  return (await readRows(input, { organizationPrefix, nowMs: Date.now() })).rows;
}

async function keysOf(lines: readonly string[], reading: Reading = {}): Promise<readonly string[]> {
  const { chunkBytes = 64 * 1024, name = 'rows.jsonl', pack = (bytes) => bytes } = reading;
  const bytes = pack(Buffer.from(lines.join('\n')));
  const rows = await Array.fromAsync(await rowsOf({ name, input: chunked(bytes, chunkBytes) }));
  return rows.map((read) => (read.kind === 'row' ? (read.event.idempotency_key ?? '') : read.kind)).sort();
}

const written = (rows: readonly object[]): readonly string[] => rows.map((value) => JSON.stringify(value));

/** The same row as another program writes it. */
function rewritten(value: object): string {
  const members = Object.entries(value)
    .reverse()
    .map(([name, member]) => {
      if (name === 'quantity')
        return ` "quantity" : ${member === 1 ? '1.0e0' : `"${member}0"`}`.replace('500', '5');
      if (name === 'timestamp')
        return `"timestamp": "${String(member).replace('T10', 'T12').replace('Z', '+02:00')}"`;
      return `"${name}":\t${JSON.stringify(member).replaceAll('é', '\\u00e9')}`;
    });
  if (!('properties' in value)) members.push('"properties":{}');
  return `{${members.join(' ,')}, "idempotency_key": null}\r`;
}

it('U2: the keys of a file do not depend on its name, packing, chunks, order or spelling, and are distinct', async () => {
  const changes = fc.record({
    order: fc.infiniteStream(fc.nat()),
    chunkBytes: fc.integer({ min: 1, max: 50 }),
  });
  await fc.assert(
    fc.asyncProperty(file, changes, async (rows, { order, chunkBytes }) => {
      const keys = await keysOf(written(rows));
      expect(new Set(keys).size).toBe(rows.length);
      const places = new Map(rows.map((value) => [value, order.next().value ?? 0]));
      const shuffled = rows.toSorted((one, other) => (places.get(one) ?? 0) - (places.get(other) ?? 0));
      expect(await keysOf(written(shuffled))).toEqual(keys);
      expect(await keysOf(written(rows), { chunkBytes, name: 'other' })).toEqual(keys);
      expect(await keysOf(written(rows), { chunkBytes, pack: (bytes) => gzipSync(bytes) })).toEqual(keys);
      expect(await keysOf(rows.map(rewritten))).toEqual(keys);
    }),
  );
});

it('U2: the keys of any part of a file are among those of the whole', async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.nat(30), fc.nat(30), async (rows, head, tail) => {
      const keys = new Set(await keysOf(written(rows)));
      const part = await keysOf(written(rows.slice(head, rows.length - tail)));
      expect(part.filter((key) => !keys.has(key))).toEqual([]);
    }),
  );
});

it('rows that differ in anything have keys that differ', async () => {
  const rows = [
    '{"quantity":1}',
    '{"quantity":2}',
    '{"quantity":"01x"}',
    '{"metric_name":1}',
    '{"metric_name":"1"}',
    '{"properties":{"a":1}}',
    '{"properties":{"a":"1"}}',
    '{"properties":{"a":null}}',
    '{"properties":{"a":12345678901234567890123}}',
    '{"properties":{"a":"12345678901234567890123"}}',
    '{"properties":{"a":12345678901234567890124}}',
    '{"timestamp":"2026-11-23T10:00:00Z"}',
    '{"timestamp":"2026-11-23T10:00:00.0001Z"}',
    '{"timestamp":"2026-11-23T10:00:00.000000001Z"}',
    '{"timestamp":"@1795428000000."}',
    '{"__proto__":1}',
    '{"__proto__":2}',
  ];
  const keys = await keysOf(rows);
  expect(keys.every((key) => key.endsWith(':1'))).toBe(true);
  expect(new Set(keys).size).toBe(rows.length);
});

it('repetitions are counted as a map would, while the table grows', () => {
  const digestOf = (content: number) => createHash('sha256').update(String(content)).digest();
  const table = new Repetitions();
  const counts = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const content = (step * step) % 7_919;
    const count = (counts.get(content) ?? 0) + 1;
    counts.set(content, count);
    expect(table.next(digestOf(content))).toBe(count);
  }
});

it('no request is larger than the server takes, and none is small without need', async () => {
  const text = fc.constantFrom('a', '计', '\u2028', '😀', '\\', '"', '\n', '\u0001', '\ud800');
  const size = fc.integer({ min: 1, max: 30_000 });
  const sizes = fc.array(fc.tuple(text, size), { minLength: 1, maxLength: 100 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom('', 'é"'), async (rows, organizationPrefix) => {
      const lines = rows.map(([part, times]) =>
        JSON.stringify({ organization_id: 'o', quantity: 1, properties: { a: part.repeat(times) } }),
      );
      const bodies: number[] = [];
      await sendRows(
        await rowsOf(
          { name: 'rows', input: chunked(Buffer.from(lines.join('\n')), 65_536) },
          organizationPrefix,
        ),
        {
          batchEvents: 1000,
          concurrency: 1,
          onProgress: () => undefined,
          sendBatch: async (events) => {
            const timestamp = new Date().toISOString();
            bodies.push(
              Buffer.byteLength(JSON.stringify({ events: events.map((event) => ({ timestamp, ...event })) })),
            );
            return { accepted: events.length, rejected: [], receipts: [] };
          },
        },
      );
      expect(Math.max(...bodies)).toBeLessThanOrEqual(bodyBytesMax);
      // Any two requests in a row would not have fitted one.
      for (const [index, bytes] of bodies.slice(1).entries()) {
        expect(bytes + (bodies[index] ?? 0)).toBeGreaterThan(bodyBytesMax * 0.9);
      }
    }),
    { numRuns: 30 },
  );
  // Several gigabytes of JSON: longer than other tests where the machine is busy.
}, 60_000);
