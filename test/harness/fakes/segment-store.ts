import { isDeepStrictEqual } from 'node:util';
import { OdometerError } from '../../../shared/errors.ts';
import type { AppendedRange, SegmentStore } from '../../../shared/segments/segment-store.ts';

/** One partition's segments in memory; `down` makes every call fail as a lost Redis does. */
export class FakeSegmentStore implements SegmentStore {
  readonly stored = new Map<number, { range: AppendedRange; bytes: Buffer }>();
  down = false;

  async append(_partition: number, range: AppendedRange, bytes: Buffer) {
    this.#assertUp();
    const overlapped = [...this.stored.values()].filter((other) => {
      return other.range.from < range.to && range.from < other.range.to;
    });
    if (overlapped.some((other) => isDeepStrictEqual(other.range, range))) return 'redelivered' as const;
    for (const other of overlapped) this.stored.delete(other.range.from);
    this.stored.set(range.from, { range, bytes });
    return overlapped.length > 0 ? ('replaced' as const) : ('stored' as const);
  }

  async list(partitions: readonly number[]) {
    this.#assertUp();
    const ranges = [...this.stored.values()].map(({ range }) => range).sort((a, b) => a.from - b.from);
    return new Map(partitions.map((partition) => [partition, ranges]));
  }

  async read(_partition: number, froms: readonly number[]) {
    this.#assertUp();
    return froms.map((from) => this.stored.get(from)?.bytes ?? null);
  }

  async deleteBelow({ nextOffset }: { readonly nextOffset: number }) {
    this.#assertUp();
    for (const from of this.stored.keys()) if (from < nextOffset) this.stored.delete(from);
  }

  async delete({ from }: { readonly from: number }) {
    this.#assertUp();
    this.stored.delete(from);
  }

  async assertNothingEvicted() {
    this.#assertUp();
  }

  async close() {}

  #assertUp(): void {
    if (this.down) throw new OdometerError('segments_unavailable', 'Redis is down', { retryable: true });
  }
}
