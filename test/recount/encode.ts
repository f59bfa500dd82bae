/** Writes records as the documented layout says, for tests of the recount: no encoder of the project. */
import { crc32 } from 'node:zlib';
import { dayOf } from './first-of-key.ts';
import { fingerprintOf, keyHashOf } from './hashes.ts';
import type { LoggedEvent } from './logged-event.ts';
import { tupleOf } from './row-tuple.ts';

export interface RecordHeader {
  /** 1 where nothing is given. */
  readonly version?: 1 | 2;
  readonly partition: number;
  /** 32 hex digits. */
  readonly producer?: string;
  readonly sequence?: number;
  readonly createdAtMs?: number;
}

export function encodeRecord(header: RecordHeader, events: readonly LoggedEvent[]): Buffer {
  const {
    version = 1,
    producer = 'ab'.repeat(16),
    sequence = 0,
    createdAtMs = Date.UTC(2026, 10, 23),
  } = header;
  const place = { partition: header.partition, producer, sequence, createdAtMs };
  const head = Buffer.alloc(48);
  head.write('ODOM', 0, 'latin1');
  head.writeUInt8(version, 4);
  head.writeUInt16BE(header.partition, 6);
  head.writeUInt32BE(events.length, 8);
  head.write(producer, 16, 'hex');
  head.writeBigUInt64BE(BigInt(sequence), 32);
  head.writeBigUInt64BE(BigInt(createdAtMs), 40);
  const record = Buffer.concat([head, version === 1 ? jsonOf(events) : tuplesOf(place, events)]);
  record.writeUInt32BE(crc32(Buffer.concat([record.subarray(0, 12), record.subarray(16)])), 12);
  return record;
}

function jsonOf(events: readonly LoggedEvent[]): Buffer {
  const tuples = events.map((event) => [
    event.organization,
    event.metric,
    event.quantity,
    event.key,
    event.eventTimeMs,
    event.undated ? 1 : 0,
    event.fingerprint,
    event.sealed,
  ]);
  return Buffer.from(JSON.stringify(tuples));
}

/** The tuples of the rows, with an offset of zero. */
function tuplesOf(
  { partition, producer, sequence, createdAtMs }: Required<Omit<RecordHeader, 'version'>>,
  events: readonly LoggedEvent[],
): Buffer {
  const tuples = events.map((event, index) => {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(BigInt(sequence), 0);
    nonce.writeUInt32BE(index, 8);
    const sealed = Buffer.from(event.sealed ?? '', 'base64').toString('hex');
    return tupleOf({
      ...event,
      ...{ shard: partition % 4, partition, generation: 0, offset: 0, index, createdAtMs },
      ...{ day: dayOf(event.eventTimeMs), keyHash: keyHashOf(event) },
      properties: event.sealed === null ? null : `01${producer}${nonce.toString('hex')}${sealed}`,
    });
  });
  return Buffer.concat(tuples);
}

/** An event with defaults and its documented fingerprint. */
export function buildEvent(fields: Partial<LoggedEvent> = {}): LoggedEvent {
  const event = {
    organization: 'acme',
    metric: 'api_calls',
    dimensions: '',
    quantity: '1',
    key: 'key-1',
    eventTimeMs: Date.UTC(2026, 10, 20, 12),
    undated: false,
    fingerprint: '',
    sealed: null,
    ...fields,
  };
  return { ...event, fingerprint: fields.fingerprint ?? fingerprintOf(event) ?? 'cd'.repeat(16) };
}
