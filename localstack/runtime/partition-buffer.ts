import { eventOverheadBytes, type PolledRecord, payloadBytes } from './msk-event.ts';

/** Bounds of one invocation. */
export interface BatchLimits {
  readonly recordsMax: number;
  readonly payloadBytesMax: number;
}

interface Partition {
  records: PolledRecord[];
  bytes: number;
  /** When the oldest of `records` came. */
  sinceMs: number;
  /** An invocation has records of this partition: the next ones wait until it ended. */
  held: boolean;
}

/** Records that were polled and wait for an invocation, by partition. */
export class PartitionBuffer {
  readonly #topic: string;
  readonly #limits: BatchLimits;
  readonly #partitions = new Map<number, Partition>();

  constructor(topic: string, limits: BatchLimits) {
    this.#topic = topic;
    this.#limits = limits;
  }

  // Same type: the records are between them.
  add(partition: number, records: readonly PolledRecord[], atMs: number): void {
    const state = this.#partitions.get(partition) ?? { records: [], bytes: 0, sinceMs: atMs, held: false };
    if (state.records.length === 0) state.sinceMs = atMs;
    for (const record of records) {
      state.records.push(record);
      state.bytes += payloadBytes(this.#topic, record);
    }
    this.#partitions.set(partition, state);
  }

  bytesOf(partition: number): number {
    return this.#partitions.get(partition)?.bytes ?? 0;
  }

  release(partition: number): void {
    const state = this.#partitions.get(partition);
    if (state !== undefined) state.held = false;
  }

  /** Forgets what waits; what an invocation has stays held. */
  clear(): void {
    for (const state of this.#partitions.values()) {
      state.records = [];
      state.bytes = 0;
    }
  }

  /** When the oldest record that an invocation may have came; undefined when there is none. */
  oldestMs(): number | undefined {
    const since = this.#ready().map(([, { sinceMs }]) => sinceMs);
    return since.length === 0 ? undefined : Math.min(...since);
  }

  /** Whether what waits fills an invocation. */
  full(): boolean {
    let [count, bytes] = [0, eventOverheadBytes];
    for (const [, state] of this.#ready()) {
      count += state.records.length;
      bytes += state.bytes;
    }
    return count >= this.#limits.recordsMax || bytes >= this.#limits.payloadBytesMax;
  }

  /** Takes the records of one invocation, partitions that waited longest first, and holds their partitions. */
  take(): Map<number, readonly PolledRecord[]> {
    const slices = new Map<number, readonly PolledRecord[]>();
    let [count, bytes] = [0, eventOverheadBytes];
    for (const [partition, state] of this.#ready().sort(([, a], [, b]) => a.sinceMs - b.sinceMs)) {
      let taken = 0;
      for (const record of state.records) {
        const size = payloadBytes(this.#topic, record);
        const fits = count < this.#limits.recordsMax && bytes + size <= this.#limits.payloadBytesMax;
        // A record that is too large by itself is sent alone; else its partition would wait for ever.
        if (!fits && count > 0) break;
        taken += 1;
        count += 1;
        bytes += size;
        state.bytes -= size;
      }
      if (taken === 0) break;
      slices.set(partition, state.records.splice(0, taken));
      state.held = true;
    }
    return slices;
  }

  #ready(): [number, Partition][] {
    return [...this.#partitions].filter(([, { held, records }]) => !held && records.length > 0);
  }
}
