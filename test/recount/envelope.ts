/** One Kafka record, decoded from the byte layout that the project documents, by nothing but that text. */
import { crc32 } from 'node:zlib';
import type { LoggedEvent } from './logged-event.ts';
import { decodeTuples } from './logged-tuples.ts';

export interface LoggedEnvelope {
  readonly kind: 'envelope';
  readonly producer: string;
  readonly sequence: number;
  readonly createdAtMs: number;
  /** The header's word, which conservation is checked with. */
  readonly count: number;
  readonly version: 1 | 2;
  readonly events: readonly LoggedEvent[];
}

/** `foreign`: not ours, to be kept aside. `blocked`: ours or newer, but unreadable: nobody may pass it. */
export type Decoded =
  | LoggedEnvelope
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'blocked'; readonly reason: string };

const headerBytes = 48;
const tupleFields = 8;

export function decode(bytes: Buffer, partition: number): Decoded {
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, 4) !== 'ODOM') {
    return { kind: 'foreign', reason: 'magic' };
  }
  const covered = Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16)]);
  if (crc32(covered) !== bytes.readUInt32BE(12)) return { kind: 'foreign', reason: 'checksum' };
  const version = bytes[4];
  if (version !== 1 && version !== 2) return { kind: 'blocked', reason: `version ${version}` };
  if (bytes.readUInt16BE(6) !== partition) return { kind: 'foreign', reason: 'partition' };
  const events =
    version === 1 ? decodeEvents(bytes.toString('utf8', headerBytes)) : decodeTuples(bytes, headerBytes);
  const count = bytes.readUInt32BE(8);
  if (events === undefined) return { kind: 'blocked', reason: 'body' };
  if (events.length !== count) return { kind: 'blocked', reason: 'event count' };
  return {
    kind: 'envelope',
    version,
    producer: bytes.toString('hex', 16, 32),
    sequence: Number(bytes.readBigUInt64BE(32)),
    createdAtMs: Number(bytes.readBigUInt64BE(40)),
    count,
    events,
  };
}

function decodeEvents(body: string): readonly LoggedEvent[] | undefined {
  let tuples: unknown;
  try {
    tuples = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!Array.isArray(tuples)) return undefined;
  const events = tuples.map(decodeEvent);
  return events.every((event) => event !== undefined) ? events : undefined;
}

function decodeEvent(tuple: unknown): LoggedEvent | undefined {
  if (!Array.isArray(tuple) || tuple.length !== tupleFields) return undefined;
  const fields: readonly unknown[] = tuple;
  const [organization, metric, quantity, key, eventTimeMs, undated, fingerprint, sealed] = fields;
  if (typeof organization !== 'string' || typeof metric !== 'string') return undefined;
  if (typeof quantity !== 'string' || typeof key !== 'string') return undefined;
  if (typeof fingerprint !== 'string') return undefined;
  if (typeof eventTimeMs !== 'number' || !Number.isSafeInteger(eventTimeMs)) return undefined;
  if (undated !== 0 && undated !== 1) return undefined;
  if (sealed !== null && typeof sealed !== 'string') return undefined;
  return {
    ...{
      organization,
      metric,
      dimensions: '',
      quantity,
      key,
      eventTimeMs,
      undated: undated === 1,
      fingerprint,
      sealed,
    },
  };
}
