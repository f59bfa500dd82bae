import { describe, expect, it } from 'vitest';
import {
  eventOverheadBytes,
  fromBatchResponse,
  type PolledRecord,
  payloadBytes,
  toMskEvent,
} from '../../../localstack/runtime/msk-event.ts';
import { golden, shapeOf } from '../../harness/builders/golden.ts';

const source = { topic: 'my-topic', bootstrapServers: 'localhost:9092' };

function record(offset: number, changes: Partial<PolledRecord> = {}): PolledRecord {
  return {
    offset,
    timestampMs: 1_545_084_650_987,
    key: null,
    value: Buffer.from(`v${offset}`),
    headers: [],
    ...changes,
  };
}

const slices = new Map([
  [0, [record(15), record(16), record(17)]],
  [12, [record(4), record(5)]],
]);

function failures(...items: [string, unknown][]) {
  return {
    batchItemFailures: items.map(([partition, offset]) => ({ itemIdentifier: { partition, offset } })),
  };
}

describe('the MSK event', () => {
  it('has the shape that AWS documents', () => {
    const headers = [{ name: 'headerKey', value: Buffer.from('headerValue') }];
    const event = toMskEvent(source, new Map([[0, [record(15, { key: Buffer.from('k'), headers })]]]));
    const free = ['records'];
    expect(shapeOf(event, free)).toEqual(shapeOf(golden('msk-event'), free));
  });

  it('keys records by topic and partition, and carries values in base64', () => {
    const event = toMskEvent(source, slices);
    expect(Object.keys(event.records)).toEqual(['my-topic-0', 'my-topic-12']);
    expect(event.records['my-topic-12']?.map(({ offset, value }) => [offset, value])).toEqual([
      [4, 'djQ='],
      [5, 'djU='],
    ]);
  });

  it('leaves out the key and value that a record does not have', () => {
    const [sent] =
      toMskEvent(source, new Map([[0, [record(1, { value: null })]]])).records['my-topic-0'] ?? [];
    expect(Object.keys(sent ?? {})).not.toContain('value');
    expect(Object.keys(sent ?? {})).not.toContain('key');
  });

  it.each([0, 1, 2, 3, 1000])('its size is never underestimated (%d bytes)', (size) => {
    const headers = [{ name: 'ä"', value: Buffer.alloc(9, 255) }];
    const large = record(Number.MAX_SAFE_INTEGER, {
      value: Buffer.alloc(size, 1),
      key: Buffer.alloc(size),
      headers,
    });
    const list = [large, large, large];
    const bytes = Buffer.byteLength(JSON.stringify(toMskEvent(source, new Map([[19, list]]))));
    const counted = list.reduce((sum, each) => sum + payloadBytes(source.topic, each), eventOverheadBytes);
    expect(counted).toBeGreaterThanOrEqual(bytes);
  });
});

describe('the answer of the function', () => {
  const all = {
    kind: 'done',
    succeeded: new Map([
      [0, 18],
      [12, 6],
    ]),
    failed: new Map(),
  };

  it.each([[undefined], [null], ['text'], [{}], [{ batchItemFailures: null }], [{ batchItemFailures: [] }]])(
    '%j is success of the whole batch',
    (answer) => {
      expect(fromBatchResponse('my-topic', answer, slices)).toEqual(all);
    },
  );

  it('retries a partition from its failed offset and keeps what came before', () => {
    expect(fromBatchResponse('my-topic', failures(['my-topic-0', 16]), slices)).toEqual({
      kind: 'done',
      succeeded: new Map([
        [0, 16],
        [12, 6],
      ]),
      failed: new Map([[0, [record(16), record(17)]]]),
    });
  });

  it('takes the lowest of several failed offsets', () => {
    const answer = failures(['my-topic-0', 17], ['my-topic-0', 15], ['my-topic-12', 5]);
    expect(fromBatchResponse('my-topic', answer, slices)).toEqual({
      kind: 'done',
      succeeded: new Map([[12, 5]]),
      failed: new Map([
        [0, [record(15), record(16), record(17)]],
        [12, [record(5)]],
      ]),
    });
  });

  it.each([
    [failures(['my-topic-1', 1])],
    [failures(['my-topic-0', 99])],
    [failures(['other-0', 15])],
    [failures(['0', 15])],
    [failures(['my-topic-0', '15'])],
    [{ batchItemFailures: 'all' }],
    [{ batchItemFailures: [{ itemIdentifier: 'my-topic-0' }] }],
  ])('%j names nothing in the batch, so the whole batch fails', (answer) => {
    expect(fromBatchResponse('my-topic', answer, slices)).toMatchObject({ kind: 'malformed' });
  });
});
