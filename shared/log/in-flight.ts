/** What is accepted and not yet committed, seen from outside: bounds of the log against progress. Pure. */
import { decodeEnvelope } from './envelope.ts';
import type { LogRead } from './event-log.ts';

/** A partition's next offset, and where its log starts and ends. */
export interface InFlight {
  readonly partition: number;
  readonly nextOffset: number;
  readonly start: number;
  readonly end: number;
}

/** Records that are in the log and not committed. */
export function lagOf({ nextOffset, end }: Pick<InFlight, 'nextOffset' | 'end'>): number {
  return Math.max(0, end - nextOffset);
}

/** How far progress, ledger and log are apart where they must not be: 0, unless something was lost. */
export function differenceOf(position: Omit<InFlight, 'partition'> & { readonly ledgerEnd: number }): number {
  const { nextOffset, ledgerEnd, start, end } = position;
  const removed = Math.max(0, start - nextOffset);
  const truncated = Math.max(0, nextOffset - end);
  return Math.abs(nextOffset - ledgerEnd) + removed + truncated;
}

/** Reads of the oldest record in flight of each partition that has one. */
export function readsOfOldest(partitions: readonly InFlight[]): readonly LogRead[] {
  return partitions
    .map(({ partition, nextOffset, start, end }) => ({ partition, from: Math.max(nextOffset, start), end }))
    .filter(({ from, end }) => from < end)
    .map(({ partition, from }) => ({ partition, from, bytesMax: 1 }));
}

/**
 * The age of the oldest of these records since ingest made its envelope; 0 without any. Foreign records carry
 * no time that is ours and are passed over. Never below 0, because the clock of ingest may be ahead.
 */
export function oldestAgeMs(
  oldestInFlight: ReadonlyMap<number, readonly { readonly value: Buffer }[]>,
  nowMs: number,
): number {
  const ages = [...oldestInFlight].flatMap(([partition, [record]]) => {
    if (record === undefined) return [];
    const decoded = decodeEnvelope(record.value, partition);
    return decoded.kind === 'envelope' ? [nowMs - decoded.envelope.createdAtMs] : [];
  });
  return Math.max(0, ...ages);
}
