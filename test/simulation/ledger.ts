/**
 * A shard in memory, with what of Postgres decides over counting: one row lock a partition, compare-and-set, a unique
 * index over key and day, and a COMMIT whose answer is lost before, after or long before its effect.
 */
import { OdometerError } from '../../shared/errors.ts';
import type { DayLoad } from '../../shared/ledger/load.ts';
import type {
  MovedRange,
  Observation,
  Progress,
  RangeTransaction,
  ShardLedger,
  TransactionOutcome,
} from '../../shared/ledger/shard-ledger.ts';
import type { Freshness, SummaryReader } from '../../shared/ledger/summary.ts';
import { dayMs, lockTimeoutMs, observationAgeMsMax, quarterHourMs } from '../../shared/limits.ts';
import { readCopyTuples, readRowUsage } from '../../shared/segments/copy-row.ts';
import { type SimulatedProcess, simulatedStartMs } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import { type CountedEvent, newState, type PartitionState, type Total, type Written } from './shard-state.ts';

/** How the next COMMIT of a shard goes. */
export type CommitFate = 'unknown-done' | 'unknown-undone' | 'unknown-late' | 'lost-before';
export type ShardTrouble = 'down' | 'slow';

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

  heal(): void {
    this.#troubles.clear();
    this.#fates = [];
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
      topicId: () =>
        call('topic', () => {
          // A pass asks for it first, when it checks the log.
          for (const partition of this.partitions.keys()) {
            process.checkedAt.set(partition, this.#scheduler.points);
          }
          return 'topic-1';
        }),
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
      halt: (partition, { code }) =>
        call('halt', async () => {
          await this.#unlocked(partition);
          const state = this.of(partition);
          if (state.haltCode !== null) return;
          state.haltCode = code;
          this.#watcher.halted(partition, code);
        }),
      close: async () => undefined,
    };
  }

  /** A look counts when it is no older than the stored one, or when the stored one was dated ahead of this server. */
  #observe({ partition, generation, observedAtMs, logEnd, completeThroughMs }: Observation): void {
    const state = this.of(partition);
    const stored = state.observedAtMs ?? Number.NEGATIVE_INFINITY;
    if (generation !== 1 || (observedAtMs < stored && stored <= this.#serverMs())) return;
    const known = state.completeThroughMs;
    if (known === null || known > observedAtMs) state.completeThroughMs = completeThroughMs;
    else state.completeThroughMs = Math.max(known, completeThroughMs ?? known);
    state.logEnd = logEnd;
    state.observedAtMs = observedAtMs;
  }

  /** Nobody sets the server's clock. */
  #serverMs(): number {
    return simulatedStartMs + this.#scheduler.nowMs;
  }

  /** Totals as the summary's statement adds them up, and what it says of them. */
  summaries(
    process: SimulatedProcess,
    {
      partitionOf,
      onSnapshot,
    }: {
      readonly partitionOf: (organization: string) => number;
      readonly onSnapshot: (state: PartitionState) => void;
    },
  ): Pick<SummaryReader, 'summarize'> {
    return {
      summarize: ({ organization, startDay, endDay }) =>
        process.call('summarize', () => {
          const state = this.of(partitionOf(organization));
          onSnapshot(state);
          const quarters = dayMs / quarterHourMs;
          const sum: Total = { thousandths: 0, count: 0 };
          for (const [name, { thousandths, count }] of state.totals) {
            const [of, , quarter] = name.split('\n');
            const day = Math.floor(Number(quarter) / quarters);
            if (of !== organization || day < startDay || day > endDay) continue;
            sum.thousandths += thousandths;
            sum.count += count;
          }
          const total = { metric: 'all', totalQuantity: `${sum.thousandths}`, eventCount: sum.count };
          return { metrics: [total], freshness: this.#freshnessOf(state) };
        }),
    };
  }

  #freshnessOf({ haltCode, logEnd, nextOffset, observedAtMs, completeThroughMs }: PartitionState): Freshness {
    const complete = haltCode === null && logEnd !== null && nextOffset >= logEnd;
    const ageMs = Math.abs(this.#serverMs() - (observedAtMs ?? 0));
    return {
      observedAtMs,
      completeThroughMs: complete ? observedAtMs : completeThroughMs,
      inFlight: complete && ageMs <= observationAgeMsMax ? false : null,
      complete,
    };
  }

  #progress(): readonly Progress[] {
    return [...this.partitions].map(([partition, { nextOffset, recordHash, haltCode, checkedRanges }]) => {
      const halted = haltCode !== null;
      // No day is closed in a history.
      return { partition, generation: 1, nextOffset, recordHash, halted, checkedRanges, closedBefore: null };
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
    const begin: RangeTransaction = {
      moveProgress: (move) =>
        call('move', async () => {
          await this.#lock(partition, { owner, by: process });
          const state = this.of(partition);
          if (move.generation !== 1 || state.nextOffset !== move.from || state.haltCode !== null) {
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
          return this.#moved(written, call);
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
      if (this.#locks.get(partition)?.owner === owner) {
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
      loaded.push({ keyHash, day, offset, index, fingerprint, undated, eventTimeMs, organization });
    }
    written.events.push(...loaded);
    return { kind: 'loaded', count: loaded.length } as const;
  }

  #commit(written: Written, owner: object): 'committed' | 'unknown' {
    const { partition } = written;
    // The server ended this session: nothing of it is left to commit.
    if (this.#locks.get(partition)?.owner !== owner) throw unavailable();
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
