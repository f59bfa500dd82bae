/** Polled records as the MSK event that AWS documents, and what a handler's answer means for them. */
import type { MSKEvent, MSKRecord } from 'aws-lambda';

/** A record as the poller got it. */
export interface PolledRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer }[];
}

/** Consecutive records of each partition, in offset order; none is empty. */
export type Slices = ReadonlyMap<number, readonly PolledRecord[]>;

export interface EventSource {
  readonly topic: string;
  readonly bootstrapServers: string;
}

const clusterArn = 'arn:aws:kafka:local:000000000000:cluster/odometer/00000000-0000-0000-0000-000000000000-0';
/** JSON of a record without its base64, its topic and its headers, and of an event without its records. */
const recordOverheadBytes = 200;
export const eventOverheadBytes = 1024;

export function toMskEvent({ topic, bootstrapServers }: EventSource, slices: Slices): MSKEvent {
  const records: Record<string, MSKRecord[]> = {};
  for (const [partition, list] of slices) {
    records[`${topic}-${partition}`] = list.map((record) => toMskRecord(topic, partition, record));
  }
  return { eventSource: 'aws:kafka', eventSourceArn: clusterArn, bootstrapServers, records };
}

function toMskRecord(topic: string, partition: number, record: PolledRecord): MSKRecord {
  const { offset, timestampMs, key, value, headers } = record;
  return {
    topic,
    partition,
    offset,
    timestamp: timestampMs,
    timestampType: 'LOG_APPEND_TIME',
    // A record without key or value lacks the field, although the type requires it.
    ...(key === null ? {} : { key: key.toString('base64') }),
    ...(value === null ? {} : { value: value.toString('base64') }),
    headers: headers.map((header) => ({ [header.name]: [...header.value] })),
  } as MSKRecord;
}

/** What a record adds to the event's JSON, as an upper bound. */
export function payloadBytes(topic: string, { key, value, headers }: PolledRecord): number {
  const base64 = (bytes: Buffer | null) => (bytes === null ? 0 : Math.ceil(bytes.length / 3) * 4);
  const headersBytes = headers.reduce(
    (sum, { name, value: bytes }) => sum + 6 * name.length + 4 * bytes.length + 8,
    0,
  );
  return recordOverheadBytes + topic.length + base64(key) + base64(value) + headersBytes;
}

/**
 * `succeeded`: the next offset to commit of each partition that made progress; `failed`: the records to deliver
 * again, from each partition's lowest failed offset on. `malformed`: nothing counts and everything is delivered
 * again, because the answer is not one that AWS understands.
 */
export type Outcome =
  | { readonly kind: 'done'; readonly succeeded: ReadonlyMap<number, number>; readonly failed: Slices }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Reads `{batchItemFailures: [{itemIdentifier: {partition: 'topic-partition', offset}}]}`. */
export function fromBatchResponse(topic: string, result: unknown, slices: Slices): Outcome {
  const items = itemsOf(result);
  if (items === undefined) return { kind: 'malformed', reason: 'batchItemFailures is not a list' };
  const lowest = new Map<number, number>();
  for (const item of items) {
    const place = placeOf(topic, item, slices);
    if (place === undefined)
      return { kind: 'malformed', reason: `not in the batch: ${JSON.stringify(item)}` };
    lowest.set(place.partition, Math.min(place.offset, lowest.get(place.partition) ?? place.offset));
  }
  const succeeded = new Map<number, number>();
  const failed = new Map<number, readonly PolledRecord[]>();
  for (const [partition, records] of slices) {
    const from = lowest.get(partition);
    const rest = from === undefined ? [] : records.filter(({ offset }) => offset >= from);
    const last = records[records.length - rest.length - 1];
    if (last !== undefined) succeeded.set(partition, last.offset + 1);
    if (rest.length > 0) failed.set(partition, rest);
  }
  return { kind: 'done', succeeded, failed };
}

/** No answer, or an answer without a list, is success, as AWS documents. */
function itemsOf(result: unknown): readonly unknown[] | undefined {
  if (typeof result !== 'object' || result === null) return [];
  const items: unknown = Reflect.get(result, 'batchItemFailures') ?? [];
  return Array.isArray(items) ? items : undefined;
}

function placeOf(
  topic: string,
  item: unknown,
  slices: Slices,
): { partition: number; offset: number } | undefined {
  const identifier = property(item, 'itemIdentifier');
  const name = property(identifier, 'partition');
  const offset = property(identifier, 'offset');
  if (typeof name !== 'string' || typeof offset !== 'number' || !name.startsWith(`${topic}-`))
    return undefined;
  const partition = Number(name.slice(topic.length + 1));
  const present = slices.get(partition)?.some((record) => record.offset === offset) ?? false;
  return present ? { partition, offset } : undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
