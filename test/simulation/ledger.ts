/**
 * A shard in memory, with what of Postgres decides over counting: one row lock a partition, compare-and-set, a unique
 * index over key and day, and a COMMIT whose answer is lost before, after or long before its effect.
 */
import { OdometerError, type Suspicion } from '../../shared/errors.ts';
import type { DayLoad } from '../../shared/ledger/load.ts';
import type {
  MovedRange,
  Observation,
  Progress,
  RangeTransaction,
  ShardLedger,
  TransactionOutcome,
} from '../../shared/ledger/shard-ledger.ts';
import { lockTimeoutMs } from '../../shared/limits.ts';
import { readCopyTuples, readRowUsage } from '../../shared/log/row-tuple.ts';
import { type SimulatedProcess, simulatedStartMs } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import { type CountedEvent, newState, type PartitionState, type Written } from './shard-state.ts';

/** How the next COMMIT of a shard goes. */
export type CommitFate = 'unknown-done' | 'unknown-undone' | 'unknown-late' | 'lost-before';
/** `overloaded`: every load of rows takes too long, and small statements do not. */
export type ShardTrouble = 'down' | 'slow' | 'overloaded';
/** The organization of an event that no shard can take, whatever else it does. */
export const poison = 'poison';

export interface LedgerWatcher {
  committing(written: Written, state: PartitionState): void;
  committed(written: Written, state: PartitionState): void;
  halted(partition: number, code: string): void;
  saw(transition: string): void;
}

interface Lock {
  readonly owner: object;
  readonly by: SimulatedProcess;
}

export class SimulatedShard {
  readonly shard: number;
  readonly partitions: ReadonlyMap<number, PartitionState>;
  readonly #scheduler: Scheduler;
  readonly #watcher: LedgerWatcher;
  readonly #locks = new Map<number, Lock>();
  readonly #waiting = new Map<number, Set<() => void>>();
  readonly #troubles = new Map<ShardTrouble, number>();
  #fates: CommitFate[] = [];
  topic = 'topic-1';

  constructor(
    home: { readonly shard: number; readonly partitions: readonly number[] },
    scheduler: Scheduler,
    watcher: LedgerWatcher,
  ) {
    this.shard = home.shard;
    this.#scheduler = scheduler;
    this.#watcher = watcher;
    this.partitions = new Map(home.partitions.map((partition) => [partition, newState()]));
  }

  of(partition: number): PartitionState {
    const state = this.partitions.get(partition);
    if (state === undefined) throw new Error(`shard ${this.shard} has no partition ${partition}`);
    return state;
  }

  trouble(kind: ShardTrouble, ms: number): void {
    this.#troubles.set(kind, this.#scheduler.nowMs + ms);
  }

  nextCommit(fate: CommitFate): void {
    this.#fates.push(fate);
  }

  /** An overload ends by itself, however long it takes. */
  heal(): void {
    this.#troubles.delete('down');
    this.#troubles.delete('slow');
    this.#fates = [];
  }

  get overloaded(): boolean {
    return this.#has('overloaded');
  }

  /** An operator declares that the offsets of a halted partition start again, in the topic that there is now. */
  restart(partition: number, { topic, start }: { readonly topic: string; readonly start: number }): boolean {
    const state = this.of(partition);
    if (state.haltCode === null || state.haltCode === 'range_failing' || this.#locks.has(partition))
      return false;
    const fresh = {
      nextOffset: start,
      recordHash: null,
      haltCode: null,
      logEnd: null,
      completeThroughMs: null,
    };
    Object.assign(state, { ...fresh, generation: state.generation + 1 });
    this.topic = topic;
    return true;
  }

  /** The sessions of a process that has died: the server rolls their transactions back when it sees that. */
  endSessions(process: SimulatedProcess): void {
    for (const [partition, lock] of this.#locks) {
      if (lock.by === process) this.#unlock(partition, lock.owner);
    }
  }

  ledger(process: SimulatedProcess): ShardLedger {
    const call = <T>(label: string, effect: () => T | Promise<T>): Promise<T> => {
      const slowMs = this.#has('slow') ? 1500 : 0;
      return process.call(
        `shard ${this.shard} ${label}`,
        () => {
          if (this.#has('down')) throw unavailable();
          return effect();
        },
        slowMs,
      );
    };
    return {
      shard: this.shard,
      topicId: () => call('topic', () => this.topic),
      progress: () => call('progress', () => this.#progress()),
      positions: () =>
        call('positions', () =>
          [...this.partitions].map(([partition, { nextOffset, haltCode }]) => {
            return { partition, nextOffset, ledgerEnd: nextOffset, haltCode };
          }),
        ),
      heads: () => call('heads', () => []),
      observe: (observations) =>
        call('observe', async () => {
          // One statement: it changes all rows at one moment at which nobody holds any of them.
          const isHeld = () => observations.find(({ partition }) => this.#locks.has(partition));
          for (let held = isHeld(); held !== undefined; held = isHeld()) await this.#unlocked(held.partition);
          for (const seen of observations) this.#observe(seen);
        }),
      ensureDays: (days) => call(`days ${days.length}`, () => new Set<number>()),
      transaction: (partition, work) => this.#transaction(partition, work, { process, call }),
      nextOffset: (partition) =>
        call('next offset', async () => {
          await this.#unlocked(partition);
          return this.of(partition).nextOffset;
        }),
      halt: ({ partition, generation, nextOffset }, { code }) =>
        call('halt', async () => {
          await this.#unlocked(partition);
          const state = this.of(partition);
          if (state.haltCode !== null) return;
          if (state.generation !== generation || state.nextOffset !== nextOffset) return;
          state.haltCode = code;
          this.#watcher.halted(partition, code);
        }),
      close: async () => undefined,
    };
  }

  /** A look counts when it is no older than the stored one, or when the stored one was dated ahead of this server. */
  #observe({ partition, generation, observedAtMs, logEnd, completeThroughMs }: Observation): void {
    const state = this.of(partition);
    if (generation !== state.generation) return;
    const committed = state.logEnd !== null && state.nextOffset >= state.logEnd ? state.observedAtMs : null;
    const known = [state.completeThroughMs, committed].filter((ms) => ms !== null && ms <= this.serverMs());
    state.completeThroughMs = latest([...known, completeThroughMs]);
    const stored = state.observedAtMs ?? Number.NEGATIVE_INFINITY;
    if (observedAtMs < stored && stored <= this.serverMs()) return;
    state.logEnd = logEnd;
    state.observedAtMs = observedAtMs;
  }

  /** Nobody sets the server's clock. */
  serverMs(): number {
    return simulatedStartMs + this.#scheduler.nowMs;
  }

  #progress(): readonly Progress[] {
    return [...this.partitions].map(([partition, state]) => {
      const { generation, nextOffset, recordHash, haltCode, checkedRanges } = state;
      const halted = haltCode !== null;
      // No day is closed in a history.
      return { partition, generation, nextOffset, recordHash, halted, checkedRanges, closedBefore: null };
    });
  }

  async #transaction<T>(
    partition: number,
    work: (transaction: RangeTransaction) => Promise<{ readonly commit: boolean; readonly value: T }>,
    {
      process,
      call,
    }: { process: SimulatedProcess; call: <V>(label: string, effect: () => V | Promise<V>) => Promise<V> },
  ): Promise<TransactionOutcome<T>> {
    const owner = {};
    let written: Written | null = null;
    const holds = () => this.#locks.get(partition)?.owner === owner;
    const inSession = <V>(label: string, effect: () => V | Promise<V>) =>
      call(label, () => {
        // The server ended this session.
        if (!holds()) throw unavailable();
        return effect();
      });
    const begin: RangeTransaction = {
      moveProgress: (move) =>
        call('move', async () => {
          await this.#lock(partition, { owner, by: process });
          const state = this.of(partition);
          const same = state.generation === move.generation && state.nextOffset === move.from;
          if (!same || state.haltCode !== null) {
            this.#watcher.saw('commit fenced');
            return null;
          }
          written = {
            partition,
            by: process,
            move,
            events: [],
            rollups: [],
            refusals: 0,
            conflicts: 0,
            record: null,
          };
          return this.#moved(written, inSession);
        }),
    };
    try {
      const { commit, value } = await work(begin);
      if (!commit || written === null) {
        await call('rollback', () => this.#unlock(partition, owner));
        return { kind: 'rolled-back', value };
      }
      const done = written;
      const kind = await call('commit', () => this.#commit(done, owner));
      return { kind, value };
    } catch (error) {
      // The server sees the lost connection a little later, and rolls back what is still open.
      if (holds()) {
        this.#scheduler.after(this.#scheduler.random.below(3000), 'rolled back', () =>
          this.#unlock(partition, owner),
        );
      }
      throw error;
    }
  }

  #moved(written: Written, call: <V>(label: string, effect: () => V | Promise<V>) => Promise<V>): MovedRange {
    const state = this.of(written.partition);
    return {
      findCounted: (probes) =>
        call('find', () =>
          probes.flatMap(({ day, keyHashes }) =>
            keyHashes.flatMap((key) => state.events.get(`${day} ${key}`) ?? []),
          ),
        ),
      loadDay: (load) => call('load', () => this.#load(load, written, state)),
      // No history overflows a day's sets.
      keepSets: async (sets) => sets,
      addRollups: async (rollups) => {
        if (rollups.length > 0) await call('rollups', () => written.rollups.push(...rollups));
      },
      addQuarantine: async (refusals) => {
        written.refusals += refusals.length;
      },
      addConflicts: async (conflicts) => {
        written.conflicts += conflicts.length;
      },
      addCommit: (record) =>
        call('ledger row', () => {
          written.record = record;
        }),
    };
  }

  #load(load: DayLoad, written: Written, state: PartitionState) {
    if (this.overloaded) throw suspect({ name: '57014', underLoad: true });
    const loaded: CountedEvent[] = [];
    for (const row of load.rows.flatMap((bytes) => readCopyTuples(bytes))) {
      const { keyHash, day, offset, index, fingerprint, undated, eventTimeMs } = row;
      const counted =
        state.events.has(`${day} ${keyHash}`) ||
        [...written.events, ...loaded].some((other) => other.keyHash === keyHash && other.day === day);
      if (counted) {
        this.#watcher.saw('commit counted-key');
        return { kind: 'unique' } as const;
      }
      const { organization } = readRowUsage(row.bytes, row.at);
      if (organization === poison) throw suspect({ name: 'XX000', underLoad: false });
      loaded.push({ keyHash, day, offset, index, fingerprint, undated, eventTimeMs, organization });
    }
    written.events.push(...loaded);
    return { kind: 'loaded', count: loaded.length } as const;
  }

  #commit(written: Written, owner: object): 'committed' | 'unknown' {
    const { partition } = written;
    // The server ended this session: nothing of it is left to commit, and a lost connection does not say so.
    if (this.#locks.get(partition)?.owner !== owner) {
      this.#watcher.saw('commit session ended');
      return 'unknown';
    }
    const fate = this.#fates.shift();
    switch (fate) {
      case undefined:
        this.#apply(written, owner);
        this.#watcher.saw('commit acknowledged');
        return 'committed';
      case 'unknown-done':
        this.#apply(written, owner);
        this.#watcher.saw('commit took-effect');
        return 'unknown';
      case 'unknown-undone':
        this.#unlock(partition, owner);
        this.#watcher.saw('commit took-no-effect');
        return 'unknown';
      case 'unknown-late':
        this.#scheduler.after(500 + this.#scheduler.random.below(3000), 'late commit', () => {
          if (this.#locks.get(partition)?.owner === owner) this.#apply(written, owner);
        });
        this.#watcher.saw('commit took-effect late');
        return 'unknown';
      case 'lost-before':
        this.#watcher.saw('commit connection lost');
        throw unavailable();
    }
  }

  #apply(written: Written, owner: object): void {
    const { partition, move, events, rollups } = written;
    const state = this.of(partition);
    this.#watcher.committing(written, state);
    state.nextOffset = move.to;
    state.recordHash = move.recordHash;
    state.checkedRanges = move.checkedRanges;
    for (const event of events) state.events.set(`${event.day} ${event.keyHash}`, event);
    for (const { organization, metric, quarter, total, count } of rollups) {
      const name = `${organization}\n${metric}\n${quarter}`;
      const sum = state.totals.get(name) ?? { thousandths: 0, count: 0 };
      state.totals.set(name, sum);
      sum.thousandths += Math.round(Number(total) * 1000);
      sum.count += count;
    }
    this.#unlock(partition, owner);
    this.#watcher.committed(written, state);
  }

  async #lock(partition: number, lock: Lock): Promise<void> {
    // Several may wait: the first that goes on takes the row, and the others wait again.
    do await this.#unlocked(partition);
    while (this.#locks.has(partition));
    // The server drops a statement of a session whose client has died.
    if (lock.by.dead) throw unavailable();
    this.#locks.set(partition, lock);
  }

  /** Resolves at a moment at which nobody holds the row; throws when that takes longer than the lock timeout. */
  async #unlocked(partition: number): Promise<void> {
    const endMs = this.#scheduler.nowMs + lockTimeoutMs;
    while (this.#locks.has(partition)) {
      if (this.#scheduler.nowMs >= endMs) throw unavailable();
      const freed = new Promise<void>((resolve) => {
        const waiting = this.#waiting.get(partition) ?? new Set();
        this.#waiting.set(partition, waiting.add(resolve));
      });
      await Promise.race([freed, this.#scheduler.wait(endMs - this.#scheduler.nowMs, 'lock timeout')]);
    }
  }

  #unlock(partition: number, owner: object): void {
    if (this.#locks.get(partition)?.owner !== owner) return;
    this.#locks.delete(partition);
    const waiting = [...(this.#waiting.get(partition) ?? [])];
    this.#waiting.delete(partition);
    for (const wake of waiting) wake();
  }

  #has(kind: ShardTrouble): boolean {
    return (this.#troubles.get(kind) ?? 0) > this.#scheduler.nowMs;
  }
}

function unavailable(): OdometerError {
  return new OdometerError('shard_unavailable', 'the simulated shard is down', { retryable: true });
}

/** null where no moment is known. */
export function latest(moments: readonly (number | null)[]): number | null {
  const known = moments.filter((ms) => ms !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function suspect(suspicion: Suspicion): OdometerError {
  return new OdometerError('shard_unavailable', suspicion.name, { retryable: true, suspicion });
}
