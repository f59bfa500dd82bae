/**
 * What a staged history runs on: the ports in memory of this folder, or real servers (`test/harness/stage`). Whatever
 * calls the ports and whatever judges them is the same for both.
 */
import type { FlushPorts } from '../../functions/flusher/flush-shard.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import type { SummaryReader } from '../../shared/ledger/summary.ts';
import type { EventLogReader, EventLogWriter } from '../../shared/log/event-log.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { SegmentStore } from '../../shared/segments/segment-store.ts';
import type { CommitFate } from './ledger.ts';
import type { Model } from './model.ts';
import type { PartitionState } from './shard-state.ts';

/** What a real connection can do to a COMMIT; one that is late besides exists in memory alone. */
export type StagedFate = Extract<CommitFate, 'unknown-done' | 'unknown-undone'>;

export interface StagedCut {
  readonly partition: number;
  /** So many of the last records are gone. */
  readonly count: number;
}

/** One process of the flusher; a schedule starts an invocation for each shard, which has time of its own. */
export interface StagedFlusher extends Pick<FlushPorts, 'log' | 'segments'> {
  readonly shards: readonly { readonly ledger: ShardLedger; readonly clock: Clock }[];
}

export interface StagedConsumer {
  readonly log: Pick<EventLogReader, 'bounds' | 'read'>;
  readonly segments: SegmentStore;
  readonly clock: Clock;
}

export interface Stage {
  readonly model: Model;
  readonly summaries: Pick<SummaryReader, 'summarize'>;
  ingest(number: number): { readonly log: EventLogWriter; readonly clock: Clock };
  consumer(): StagedConsumer;
  flusher(number: number): StagedFlusher;

  /** Sets the wall clock of every process to this moment of the script; no other clock is earlier afterwards. */
  advanceTo(atMs: number): Promise<void>;
  /** Waits for work; where time is virtual it passes meanwhile. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves after so long by the clock of the servers. */
  sleep(ms: number): Promise<void>;
  /** Shows the model the log as it is, after it may have changed. */
  lookAtLog(): Promise<void>;
  /** Shows the model what was committed or halted since; by this flusher, where it is known. */
  lookAtLedger(flusher?: number): Promise<void>;
  /** As of the last look at the ledger. */
  states(): ReadonlyMap<number, PartitionState>;

  /** The log loses its last records, as a machine does that ends before they were written. */
  loseTails(cuts: readonly StagedCut[]): Promise<void>;
  /** The log is deleted and made again by the same name. */
  makeTopicAgain(): Promise<void>;
  /** Retention removes what is below this offset. */
  expire(at: { readonly partition: number; readonly start: number }): Promise<void>;
  /** The segment store loses everything, or about half of its segments. */
  loseSegments(all: boolean): Promise<void>;
  /** What a replica of the segment store has now, and a failover to it later. */
  rememberSegments(): Promise<void>;
  segmentsGoBack(): Promise<void>;
  /** How the next COMMIT on a shard goes. */
  nextCommit(at: { readonly shard: number; readonly fate: StagedFate }): void;
  /** The shards end the sessions in which this flusher has a transaction open. */
  endTransactions(flusher: number): Promise<void>;
  close(): Promise<void>;
}
