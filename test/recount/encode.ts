/** Writes records as the documented layout says, for tests of the recount: no encoder of the project. */
import { crc32 } from 'node:zlib';
import type { LoggedEvent } from './envelope.ts';
import { fingerprintOf } from './hashes.ts';

export interface RecordHeader {
  readonly partition: number;
  /** 32 hex digits. */
  readonly producer?: string;
  readonly sequence?: number;
  readonly createdAtMs?: number;
}

export function encodeRecord(header: RecordHeader, events: readonly LoggedEvent[]): Buffer {
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
  const body = Buffer.from(JSON.stringify(tuples));
  const head = Buffer.alloc(48);
  head.write('ODOM', 0, 'latin1');
  head.writeUInt8(1, 4);
  head.writeUInt16BE(header.partition, 6);
  head.writeUInt32BE(events.length, 8);
  head.write(header.producer ?? 'ab'.repeat(16), 16, 'hex');
  head.writeBigUInt64BE(BigInt(header.sequence ?? 0), 32);
  head.writeBigUInt64BE(BigInt(header.createdAtMs ?? Date.UTC(2026, 10, 23)), 40);
  const record = Buffer.concat([head, body]);
  record.writeUInt32BE(crc32(Buffer.concat([record.subarray(0, 12), record.subarray(16)])), 12);
  return record;
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
