import { hash } from 'node:crypto';

/** The keys of one partition's segments; one hash tag, so that a script may touch all of them. */
export interface SegmentKeys {
  /** Sorted set of `from-to-events-recordHash`, scored by `from`. */
  readonly index: string;
  /** Hash of the segments' bytes by `from`. */
  readonly content: string;
  /** Sum of the sizes of all segments. */
  readonly bytes: string;
  /** The log that the segments are of. */
  readonly log: string;
}

export function segmentKeys(topic: string, partition: number): SegmentKeys {
  const prefix = `odometer:segments:{${topic}:${partition}}`;
  return {
    index: `${prefix}:index`,
    content: `${prefix}:content`,
    bytes: `${prefix}:bytes`,
    log: `${prefix}:log`,
  };
}

/** The count of a caller's requests. Ids of callers are others' words of any length, so the key holds a hash. */
export function callerKey(callerId: string): string {
  return `odometer:requests:{${hash('sha256', callerId)}}`;
}
