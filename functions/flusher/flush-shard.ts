/** One pass over one shard's partitions: check the log, commit what there is, write down what was seen. */
import { failure, OdometerError } from '../../shared/errors.ts';
import type { Checkpoint } from '../../shared/ledger/checkpoint.ts';
import type { Load, OffsetRange } from '../../shared/ledger/load.ts';
import type { Observation, Progress, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { slowRangeMs } from '../../shared/limits.ts';
import type { EventLogReader, LogBounds } from '../../shared/log/event-log.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';
import type { CommitCounts, Metrics } from '../../shared/runtime/metrics.ts';
import type { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import type { StoredRange } from '../../shared/segments/segment-store.ts';
import { checkLog, lastCommittedOffset } from './check-log.ts';
import { type CommitOutcome, commitRange } from './commit-range.ts';
import type { LogHistory } from './log-history.ts';
import { nextRange } from './next-range.ts';
import type { Halts, PartitionStop } from './partition-stop.ts';
import { WaitingSegments, type WaitingSegmentsPorts } from './waiting-segments.ts';

/** Phases of a pass that are timed; `folding` and `committing` are inside `pass`. */
export type PassPhase = 'pass' | 'folding' | 'committing';

export interface FlushPorts extends Omit<WaitingSegmentsPorts, 'watch'> {
  readonly log: EventLogReader;
  readonly clock: Clock;
  readonly checkpoint: Checkpoint;
  readonly metrics: Metrics;
}

/** The shard of a pass, and what outlives the pass. */
export interface PassedShard {
  readonly ledger: ShardLedger;
  readonly history: LogHistory;
  /** Whether a transaction may still start. */
  readonly mayCommit: () => boolean;
  /** Called after every commit, so that what a pass did before it failed is counted. */
  readonly onCommit: (counts: CommitCounts) => void;
  readonly watch: Stopwatch<PassPhase>;
}

/**
 * What one pass did. `backlog`: more waits than one commit holds, so that a pause would be idle. `waitingForCode`:
 * partitions whose next record this code does not count.
 */
export interface PassResult {
  readonly commits: number;
  readonly backlog: boolean;
  readonly waitingForCode: number;
}

/** A partition whose log is what its progress says, as the pass found it. */
interface SoundPartition {
  readonly row: Progress;
  readonly logEnd: number;
  readonly stored: readonly StoredRange[];
}

/** What the pass did to one partition; `next` is the first offset not yet committed. */
interface FlushedPartition {
  readonly next: number;
  readonly commits: number;
  readonly waitsForCode: boolean;
}

export class ShardPass {
  readonly #shard: PassedShard;
  readonly #ports: FlushPorts;
  readonly #segments: WaitingSegments;

  constructor(shard: PassedShard, ports: FlushPorts) {
    this.#shard = shard;
    this.#ports = ports;
    this.#segments = new WaitingSegments({ ...ports, watch: shard.watch });
  }

  /** Throws retryable OdometerErrors of the log and of this shard; what was committed before stays committed. */
  run(): Promise<PassResult> {
    return this.#shard.watch.during('pass', () => this.#run());
  }

  async #run(): Promise<PassResult> {
    const { ledger } = this.#shard;
    const { clock, log } = this.#ports;
    const observedAtMs = clock.now();
    const bounds = await log.bounds();
    const progress = (await ledger.progress()).filter(({ halted }) => !halted);
    this.#noteEnds(progress, bounds, clock.monotonic());
    const sound = await this.#checkLog(progress, bounds);
    const stored = await this.#segments.list(sound);
    const observations: Observation[] = [];
    let commits = 0;
    let backlog = false;
    let waitingForCode = 0;
    for (const row of sound) {
      const { partition } = row;
      const logEnd = bounds.get(partition)?.end ?? row.nextOffset;
      const flushed = await this.#flush({ row, logEnd, stored: stored.get(partition) ?? [] });
      commits += flushed.commits;
      backlog ||= flushed.commits > 1;
      if (flushed.waitsForCode) waitingForCode += 1;
      const completeThroughMs = flushed.next >= logEnd ? observedAtMs : null;
      observations.push({
        partition,
        logEnd: Math.max(logEnd, flushed.next),
        observedAtMs,
        completeThroughMs,
      });
    }
    await ledger.observe(observations);
    return { commits, backlog, waitingForCode };
  }

  #noteEnds(progress: readonly Progress[], bounds: ReadonlyMap<number, LogBounds>, atMs: MonotonicMs): void {
    for (const { partition, nextOffset } of progress) {
      const end = bounds.get(partition)?.end;
      if (end !== undefined) this.#shard.history.note({ partition, end, nextOffset, atMs });
    }
  }

  /** The partitions whose log is what their progress says; the others wait or halt. */
  async #checkLog(
    progress: readonly Progress[],
    bounds: ReadonlyMap<number, LogBounds>,
  ): Promise<readonly Progress[]> {
    const { ledger, history } = this.#shard;
    const { log, clock } = this.#ports;
    if ((await log.topicId()) !== (await ledger.topicId())) {
      const reason = 'the topic was replaced by another of the same name';
      for (const row of progress) await this.#stop(row, { kind: 'halts', code: 'topic_replaced', reason });
      return [];
    }
    const reads = progress.flatMap((row) => {
      const from = lastCommittedOffset({ progress: row, bounds: bounds.get(row.partition) });
      return from === null ? [] : [{ partition: row.partition, from, bytesMax: 1 }];
    });
    const delivered = await log.read(reads);
    const sound: Progress[] = [];
    for (const row of progress) {
      const { partition } = row;
      const stop = checkLog({
        progress: row,
        bounds: bounds.get(partition),
        lastCommitted: delivered.get(partition)?.[0],
        behindSinceMs: history.behindSinceMs(partition),
        atMs: clock.monotonic(),
      });
      if (stop === null) sound.push(row);
      else await this.#stop(row, stop);
    }
    return sound;
  }

  /** Commits range after range until nothing is left to commit, or the partition stops. */
  async #flush({ row, logEnd, stored }: SoundPartition): Promise<FlushedPartition> {
    const { partition } = row;
    const { mayCommit, history, watch } = this.#shard;
    const { clock, logger } = this.#ports;
    const ports = { ...this.#ports, segments: this.#segments, watch };
    let { nextOffset: next, checkedRanges } = row;
    let commits = 0;
    while (mayCommit()) {
      const startedMs = clock.monotonic();
      const oldEnd = history.oldEnd({ partition, atMs: startedMs });
      const found = await nextRange({ partition, next, stored, logEnd, oldEnd }, ports);
      if (found.kind === 'nothing') break;
      const outcome = found.kind === 'range' ? await this.#commit(found.range, checkedRanges) : found;
      if (outcome.kind !== 'committed') {
        await this.#stop({ partition, nextOffset: next }, outcome);
        return { next, commits, waitsForCode: outcome.kind === 'waits-for-code' };
      }
      const tookMs = clock.monotonic() - startedMs;
      if (tookMs > slowRangeMs)
        logger.warn({ partition, from: next, to: outcome.next, tookMs }, 'slow range');
      ({ next, checkedRanges } = outcome);
      commits += 1;
      await this.#segments.deleteCommitted({ partition, nextOffset: next });
    }
    return { next, commits, waitsForCode: false };
  }

  /** A range that the shard refuses, or that breaks an invariant, is a bug: its partition halts, others go on. */
  async #commit(range: OffsetRange, checkedRanges: number): Promise<CommitOutcome | Halts> {
    const { ledger, watch } = this.#shard;
    const { checkpoint, logger } = this.#ports;
    try {
      const commit = () => commitRange(range, checkedRanges, { ledger, checkpoint });
      const outcome = await watch.during('committing', commit);
      if (outcome.kind === 'committed') this.#noteCommit(range, outcome.load);
      return outcome;
    } catch (error) {
      if (!(error instanceof OdometerError) || error.retryable || error.code === 'wrong_shard') throw error;
      const { partition, from, to } = range;
      logger.error({ partition, from, to, ...failure(error) }, 'range refused');
      return { kind: 'halts', code: error.code, reason: error.message };
    }
  }

  #noteCommit({ partition, from, to }: OffsetRange, load: Load): void {
    const { inserted, duplicate, quarantined, foreign } = load;
    const bytes = load.days.flatMap(({ rows }) => rows).reduce((sum, rows) => sum + rows.length, 0);
    const counts = { committed: inserted, duplicate, quarantined: quarantined + foreign };
    this.#shard.onCommit({ ...counts, records: to - from, bytes });
    this.#ports.logger.debug({ partition, from, to, inserted }, 'range committed');
  }

  async #stop(
    { partition, nextOffset }: Pick<Progress, 'partition' | 'nextOffset'>,
    stop: PartitionStop,
  ): Promise<void> {
    const { logger } = this.#ports;
    switch (stop.kind) {
      case 'fenced':
        logger.info({ partition, nextOffset }, 'range fenced');
        return;
      case 'waits':
      case 'waits-for-code':
        logger.warn({ partition, nextOffset, reason: stop.reason }, 'partition waits');
        return;
      case 'halts': {
        const { code, reason } = stop;
        logger.error({ partition, nextOffset, code, reason }, 'partition halted');
        await this.#shard.ledger.halt(partition, { code, reason });
      }
    }
  }
}
