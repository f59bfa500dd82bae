/**
 * A segment: what the consumer makes of one contiguous offset range of a partition. Immutable; lives in Redis
 * until committed; authenticated, so that a damaged, foreign or forged one is dropped and the log is read.
 *
 *   0 4  magic "ODSG"
 *   4 1  version (3)
 *   5 4  bytes of the meta JSON
 *   9    meta: UTF-8 JSON of `SegmentMeta`, each rollup as the list of its values
 *        per day, in the order of `meta.days`: the rows
 *  -32   HMAC-SHA256 under the segment key over scope, zero byte, and everything before
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Rollup } from './rollup.ts';

export const segmentVersion = 3;
const magic = 0x4f445347;
const prefixBytes = 9;
const macBytes = 32;

/** A record or event that is kept aside instead of being counted. */
export interface Refusal {
  readonly offset: number;
  /** The event's index in its envelope; -1 for a whole record that is not ours. */
  readonly index: number;
  readonly code: string;
  /** The original bytes: the record, or the event's JSON; base64. */
  readonly bytes: string;
}

interface SegmentDay {
  readonly day: number;
  readonly count: number;
  readonly rowsBytes: number;
}

interface SegmentMeta {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  /** Sum of the event counts in the envelope headers. */
  readonly seen: number;
  /** Rows without a client timestamp: a range that holds one is checked before it is loaded. */
  readonly undated: number;
  /** SHA-256 of the record at `to - 1`, hex (U7). */
  readonly recordHash: string;
  readonly days: readonly SegmentDay[];
  readonly rollups: readonly Rollup[];
  readonly refusals: readonly Refusal[];
}

/** One day's part of a segment. */
interface SegmentDayRows {
  readonly day: number;
  readonly count: number;
  readonly rows: Buffer;
}

export interface Segment {
  readonly meta: SegmentMeta;
  readonly days: readonly SegmentDayRows[];
}

/** Who may make and read segments of a log. */
export interface SegmentSeal {
  /** The log that the segment was made of, by `sealScope`. */
  readonly scope: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/**
 * Offsets are comparable within one topic, which its id names and not its name, and one generation of a partition, whose
 * one home is the progress row. A segment of another is dropped.
 */
export function sealScope({
  topicId,
  generation,
}: {
  readonly topicId: string;
  readonly generation: number;
}): string {
  return `${topicId}/${generation}`;
}

export function encodeSegment(segment: Segment, seal: SegmentSeal): Buffer {
  const rollups = segment.meta.rollups.map(toTuple);
  const meta = Buffer.from(JSON.stringify({ ...segment.meta, rollups }));
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix.writeUInt32BE(magic, 0);
  prefix.writeUInt8(segmentVersion, 4);
  prefix.writeUInt32BE(meta.length, 5);
  const body = Buffer.concat([prefix, meta, ...segment.days.map((day) => day.rows)]);
  return Buffer.concat([body, macOf(body, seal)]);
}

/** The segment, or null when it is damaged, foreign, forged, of another version or another topic. */
export function decodeSegment(bytes: Buffer, seal: SegmentSeal): Segment | null {
  if (bytes.length < prefixBytes + macBytes || bytes.readUInt32BE(0) !== magic) return null;
  const body = bytes.subarray(0, bytes.length - macBytes);
  if (!timingSafeEqual(macOf(body, seal), bytes.subarray(body.length))) return null;
  if (bytes.readUInt8(4) !== segmentVersion) return null;
  const metaEnd = prefixBytes + bytes.readUInt32BE(5);
  // Authenticated above, so it is what `encodeSegment` wrote.
  const stored = JSON.parse(bytes.toString('utf8', prefixBytes, metaEnd)) as StoredMeta;
  const meta: SegmentMeta = { ...stored, rollups: stored.rollups.map(fromTuple) };
  let at = metaEnd;
  const days = meta.days.map(({ day, count, rowsBytes }) => {
    const rows = bytes.subarray(at, at + rowsBytes);
    at += rowsBytes;
    return { day, count, rows };
  });
  return { meta, days };
}

/** Without the names of its members, which would be half of the meta. */
type RollupTuple = readonly [
  organization: string,
  metric: string,
  dimensions: string,
  quarter: number,
  total: string,
  count: number,
  minimum: string,
  maximum: string,
  latest: string,
  latestAtMs: number,
  latestOffset: number,
  latestIndex: number,
  firstOffset: number,
  firstIndex: number,
];

type StoredMeta = Omit<SegmentMeta, 'rollups'> & { readonly rollups: readonly RollupTuple[] };

function toTuple(rollup: Rollup): RollupTuple {
  const { organization, metric, dimensions, quarter, total, count } = rollup;
  const { minimum, maximum, latest, latestAtMs, latestPlace, first } = rollup;
  return [
    ...([organization, metric, dimensions, quarter, total, count] as const),
    ...([minimum, maximum, latest, latestAtMs, latestPlace.offset, latestPlace.index] as const),
    ...([first.offset, first.index] as const),
  ];
}

function fromTuple(tuple: RollupTuple): Rollup {
  const [organization, metric, dimensions, quarter, total, count, ...events] = tuple;
  const [minimum, maximum, latest, latestAtMs, latestOffset, latestIndex, offset, index] = events;
  return {
    ...{ organization, metric, dimensions, quarter, total, count, minimum, maximum, latest, latestAtMs },
    ...{ latestPlace: { offset: latestOffset, index: latestIndex }, first: { offset, index } },
  };
}

function macOf(body: Buffer, seal: SegmentSeal): Buffer {
  return createHmac('sha256', seal.key).update(seal.scope).update('\0').update(body).digest();
}
