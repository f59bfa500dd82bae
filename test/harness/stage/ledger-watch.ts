/**
 * Shows the model what real shards committed: not what a flusher says of it, but the rows that are there. Whoever
 * committed, each commit is judged once, in the order of the ledger.
 */
import type { Model } from '../../simulation/model.ts';
import type { CountedEvent, PartitionState, Total, Written } from '../../simulation/shard-state.ts';
import {
  type CommitRow,
  type EventRow,
  type ProgressRow,
  readShardRows,
  type ShardRows,
  type TotalRow,
} from './ledger-rows.ts';

export interface WatchedShard {
  /** Of a login that sees every row. */
  readonly url: string;
  readonly partitions: readonly number[];
}

/** What of a partition the model has judged. */
interface Judged {
  readonly sequence: number;
  readonly nextOffset: number;
  readonly haltCode: string | null;
}

const nothing: Judged = { sequence: 0, nextOffset: 0, haltCode: null };

export class LedgerWatch {
  readonly #shards: readonly WatchedShard[];
  readonly #model: Model;
  readonly #judged = new Map<number, Judged>();
  #states: ReadonlyMap<number, PartitionState> = new Map();
  /** One look after another, whoever asks. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(shards: readonly WatchedShard[], model: Model) {
    this.#shards = shards;
    this.#model = model;
  }

  /** `by`: whose commits they are, as far as it is known; another may have read the log at any time. */
  look(by: Written['by']): Promise<void> {
    const look = this.#looking.then(() => this.#look(by));
    this.#looking = look.catch(() => undefined);
    return look;
  }

  /** As of the last look. */
  get states(): ReadonlyMap<number, PartitionState> {
    return this.#states;
  }

  async #look(by: Written['by']): Promise<void> {
    const states = new Map<number, PartitionState>();
    const read = this.#shards.map(({ url, partitions }) => readShardRows(url, partitions));
    for (const rows of await Promise.all(read)) {
      for (const progress of rows.progress) {
        const { partition } = progress;
        const ofPartition = {
          events: rows.events.filter((row) => row.partition === partition),
          totals: rows.totals.filter((row) => row.partition === partition),
          commits: rows.commits.filter((row) => row.partition === partition),
        };
        states.set(partition, stateOf(progress, ofPartition.events, totalsOf(ofPartition.totals)));
        this.#judge(progress, ofPartition, by);
      }
    }
    this.#states = states;
  }

  #judge(progress: ProgressRow, rows: Omit<ShardRows, 'progress'>, by: Written['by']): void {
    const { partition } = progress;
    let known = this.#judged.get(partition) ?? nothing;
    for (const commit of rows.commits.filter(({ sequence }) => sequence > known.sequence)) {
      const last = commit === rows.commits.at(-1);
      const before = { ...progress, next_offset: known.nextOffset, halt_code: known.haltCode };
      const written = writtenOf(commit, last ? progress.record_hash : null, { by, events: rows.events });
      this.#model.committing(written, stateOf(before, [], new Map()));
      const until = rows.events.filter(({ offset }) => offset < commit.to);
      // Sums are kept as of now alone, so below the last commit they are those of the rows.
      const totals = last ? totalsOf(rows.totals) : sumsOf(until);
      this.#model.committed(written, stateOf(progress, until, totals));
      known = { ...known, sequence: commit.sequence, nextOffset: commit.to };
    }
    if (progress.next_offset !== known.nextOffset)
      this.#model.fail(
        `partition ${partition} is at ${progress.next_offset} and its ledger at ${known.nextOffset}`,
      );
    if (known.haltCode === null && progress.halt_code !== null)
      this.#model.halted(partition, progress.halt_code);
    this.#judged.set(partition, { ...known, haltCode: progress.halt_code });
  }
}

function writtenOf(
  commit: CommitRow,
  recordHash: Buffer | null,
  { by, events }: { readonly by: Written['by']; readonly events: readonly EventRow[] },
): Written {
  const { partition, generation, from, to, refusals, ...record } = commit;
  const last = recordHash ?? Buffer.alloc(0);
  return {
    partition,
    by,
    move: { generation, from, to, recordHash: last, checkedRanges: 0, closedBefore: null },
    events: events.filter(({ offset }) => offset >= from && offset < to).map(countedOf),
    rollups: [],
    refusals,
    conflicts: commit.conflicts,
    record: { ...record, segmentVersion: 0, days: [] },
  };
}

function countedOf(row: EventRow): CountedEvent {
  const { key_hash: keyHash, time_ms: eventTimeMs, ...rest } = row;
  return { ...rest, keyHash, eventTimeMs };
}

function stateOf(
  row: ProgressRow,
  events: readonly EventRow[],
  totals: PartitionState['totals'],
): PartitionState {
  return {
    generation: row.generation,
    nextOffset: row.next_offset,
    recordHash: row.record_hash,
    checkedRanges: row.checked_ranges,
    haltCode: row.halt_code,
    logEnd: row.log_end,
    observedAtMs: row.observed_ms,
    completeThroughMs: row.complete_ms,
    events: new Map(events.map((event) => [`${event.day} ${event.key_hash}`, countedOf(event)])),
    totals,
  };
}

function totalsOf(rows: readonly TotalRow[]): Map<string, Total> {
  return new Map(rows.map(({ name, thousandths, count }) => [name, { thousandths, count }]));
}

function sumsOf(events: readonly EventRow[]): Map<string, Total> {
  const sums = new Map<string, Total>();
  for (const { organization, metric, time_ms: timeMs, thousandths } of events) {
    const name = `${organization}\n${metric}\n${Math.floor(timeMs / 900_000)}`;
    const sum = sums.get(name) ?? { thousandths: 0, count: 0 };
    sums.set(name, { thousandths: sum.thousandths + thousandths, count: sum.count + 1 });
  }
  return sums;
}
