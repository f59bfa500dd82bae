/** A segment store in memory that forgets, goes back in time, is full, and fails before or after the effect. */
import { OdometerError } from '../../shared/errors.ts';
import type { AppendedRange, AppendOutcome, SegmentStore } from '../../shared/segments/segment-store.ts';
import type { SimulatedProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

interface Stored {
  readonly range: AppendedRange;
  /** null: lost, although the range is still listed. */
  readonly bytes: Buffer | null;
}
type Content = ReadonlyMap<number, ReadonlyMap<number, Stored>>;
/** What a replica has of it: segments, and the log that each partition is bound to. */
interface Snapshot {
  readonly content: Content;
  readonly logs: ReadonlyMap<number, string>;
}

export type StoreTrouble = 'down' | 'answers-lost' | 'full';

export class SimulatedSegments {
  readonly #scheduler: Scheduler;
  readonly #onAppend: (outcome: AppendOutcome) => void;
  readonly #troubles = new Map<StoreTrouble, number>();
  #content = new Map<number, Map<number, Stored>>();
  #logs: Map<number, string>;
  #snapshot: Snapshot = { content: new Map(), logs: new Map() };

  /** `logs`: as a flusher bound the partitions before the history begins. */
  constructor(
    scheduler: Scheduler,
    logs: ReadonlyMap<number, string>,
    onAppend: (outcome: AppendOutcome) => void,
  ) {
    this.#logs = new Map(logs);
    this.#scheduler = scheduler;
    this.#onAppend = onAppend;
  }

  trouble(kind: StoreTrouble, ms: number): void {
    this.#troubles.set(kind, this.#scheduler.nowMs + ms);
  }

  heal(): void {
    this.#troubles.clear();
  }

  /** Everything; or about a quarter of the segments, and of another quarter the bytes, while they are still listed. */
  lose(all: boolean): void {
    if (all) this.#logs.clear();
    for (const segments of this.#content.values()) {
      for (const [from, { range }] of segments) {
        if (all || from % 4 === 0) segments.delete(from);
        else if (from % 4 === 2) segments.set(from, { range, bytes: null });
      }
    }
  }

  remember(): void {
    this.#snapshot = { content: copyOf(this.#content), logs: new Map(this.#logs) };
  }

  /** A failover to a replica that is as old as the last `remember`. */
  goBack(): void {
    this.#content = copyOf(this.#snapshot.content);
    this.#logs = new Map(this.#snapshot.logs);
  }

  store(process: SimulatedProcess): SegmentStore {
    const call = <T>(label: string, effect: () => T): Promise<T> =>
      process.call(`segments ${label}`, () => {
        if (this.#has('down')) throw unavailable();
        const value = effect();
        if (this.#has('answers-lost')) throw unavailable();
        return value;
      });
    return {
      bindLogs: (scopes) =>
        call('bind', () => {
          const changed = [...scopes].filter(([partition, scope]) => this.#logs.get(partition) !== scope);
          for (const [partition, scope] of changed) {
            this.#of(partition).clear();
            this.#logs.set(partition, scope);
          }
          return changed.map(([partition]) => partition);
        }),
      boundLogs: (partitions) =>
        call('bound', () => new Map(partitions.map((number) => [number, this.#logs.get(number) ?? null]))),
      append: (partition, range, segment) =>
        call('append', () => {
          const outcome = this.#append(partition, { range, bytes: Buffer.from(segment) });
          this.#onAppend(outcome);
          return outcome;
        }),
      list: (partitions, rangesMax) =>
        call('list', () => {
          const rangesOf = (partition: number) =>
            [...this.#of(partition).values()].map(({ range }) => range).sort((a, b) => a.from - b.from);
          return new Map(partitions.map((number) => [number, rangesOf(number).slice(0, rangesMax)]));
        }),
      read: (partition, froms) =>
        call('read', () => froms.map((from) => this.#of(partition).get(from)?.bytes ?? null)),
      deleteBelow: ({ partition, nextOffset }) =>
        call('delete below', () => {
          const segments = this.#of(partition);
          for (const from of segments.keys()) if (from < nextOffset) segments.delete(from);
        }),
      delete: ({ partition, from }) => call('delete', () => void this.#of(partition).delete(from)),
      assertNothingEvicted: async () => undefined,
      close: async () => undefined,
    };
  }

  /** As the script of the store does it: what overlaps is replaced, unless it is the same segment. */
  #append(partition: number, stored: Stored): AppendOutcome {
    const { from, to, recordHash } = stored.range;
    const segments = this.#of(partition);
    const same = segments.get(from)?.range;
    if (same?.to === to && same.recordHash === recordHash) return 'redelivered';
    if (this.#has('full')) return 'full';
    const overlapped = [...segments.values()].filter(({ range }) => range.from < to && from < range.to);
    for (const { range } of overlapped) segments.delete(range.from);
    segments.set(from, stored);
    return overlapped.length > 0 ? 'replaced' : 'stored';
  }

  #of(partition: number): Map<number, Stored> {
    let segments = this.#content.get(partition);
    if (segments === undefined) {
      segments = new Map();
      this.#content.set(partition, segments);
    }
    return segments;
  }

  #has(kind: StoreTrouble): boolean {
    return (this.#troubles.get(kind) ?? 0) > this.#scheduler.nowMs;
  }
}

function copyOf(content: Content): Map<number, Map<number, Stored>> {
  return new Map([...content].map(([partition, segments]) => [partition, new Map(segments)]));
}

function unavailable(): OdometerError {
  return new OdometerError('segments_unavailable', 'the simulated Redis is down', { retryable: true });
}
