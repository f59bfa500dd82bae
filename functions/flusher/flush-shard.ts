/** One pass over one shard's partitions: check the log, commit what there is, write down what was seen. */
import { failure, invariant, isTransient, OdometerError } from '../../shared/errors.ts';
import type { Checkpoint } from '../../shared/ledger/checkpoint.ts';
import type { Load, OffsetRange } from '../../shared/ledger/load.ts';
import type { Observation, PartitionPlace, Progress, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { observationLagMsMax, partitionTurnMs, rangeFailuresMax, slowRangeMs } from '../../shared/limits.ts';
import type { EventLogReader, LogBounds, TopicReader } from '../../shared/log/event-log.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';
import type { CommitCounts, Metrics } from '../../shared/runtime/metrics.ts';
import type { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import type { StoredRange } from '../../shared/segments/segment-store.ts';
import { checkLog, committedRecord } from './check-log.ts';
import { type CommitOutcome, commitRange } from './commit-range.ts';
import { type RangeFailure, type RangeSize, sizeOf, type TakenRange, toBlame } from './failing-range.ts';
import type { LogHistory } from './log-history.ts';
import { nextRange } from './next-range.ts';
import type { PartitionStop } from './partition-stop.ts';
import { readLastCommitted } from './read-last-committed.ts';
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
  readonly bounds: LogBounds;
  readonly stored: readonly StoredRange[];
  /** The log that the shard counts, and no other of its name. */
  readonly log: TopicReader;
}

/**
 * What a pass saw of the log: `stampMs` is the shard's date before it looked, `atMs` a moment after it. The shard's, because
 * the shard compares it with its own: a flusher whose clock is ahead would else call complete what is still to come.
 */
interface ShardLook {
  readonly bounds: ReadonlyMap<number, LogBounds>;
  readonly stampMs: number;
  readonly atMs: MonotonicMs;
}

/** The partitions whose log is what their progress says. */
interface SoundLog {
  readonly topicId: string;
  readonly progress: readonly Progress[];
  readonly bounds: ReadonlyMap<number, LogBounds>;
}

/** How far a pass came: the next offset of every partition whose log is sound, and the ranges that were taken and failed. */
interface PassWork {
  readonly committed: Map<number, number>;
  readonly failures: RangeFailure[];
  readonly taken: TakenRange[];
}

/** What the pass did to one partition so far; `next` is the first offset not yet committed. */
interface FlushedPartition {
  next: number;
  commits: number;
  /** Of the range that was sent last. */
  size: RangeSize | null;
  readonly taken: TakenRange[];
  waitsForCode: boolean;
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

  /**
   * Throws retryable OdometerErrors of the log and of this shard; what was committed before stays committed. Trouble of
   * one partition is its own: the others are flushed all the same.
   */
  run(): Promise<PassResult> {
    return this.#shard.watch.during('pass', () => this.#run());
  }

  async #run(): Promise<PassResult> {
    const { ledger } = this.#shard;
    const { clock, log } = this.#ports;
    const stampMs = await ledger.nowMs();
    const bounds = await log.bounds();
    const all = await ledger.progress();
    const look = { bounds, stampMs, atMs: clock.monotonic() };
    const going = all.filter(({ halted }) => !halted);
    this.#noteEnds(all, look);
    const work: PassWork = { committed: new Map(), failures: [], taken: [] };
    let observed = false;
    let result: PassResult;
    try {
      const topicId = await ledger.topicId();
      const progress = this.#inTurn(await this.#checkLog(going, { topicId, bounds }), stampMs);
      result = await this.#commitAll({ topicId, progress, bounds }, work);
    } finally {
      observed = await this.#observe(all, look, work.committed);
    }
    const blamed = toBlame(work.failures, { taken: work.taken, observed });
    for (const failed of work.failures) {
      if (blamed.includes(failed)) await this.#blame(failed);
      else if (failed.suspicion.underLoad)
        this.#shard.history.of(failed.place).failing.rest(failed, clock.monotonic());
    }
    return result;
  }

  async #commitAll(
    { topicId, progress, bounds }: SoundLog,
    { committed, failures, taken }: PassWork,
  ): Promise<PassResult> {
    for (const { partition, nextOffset } of progress) committed.set(partition, nextOffset);
    const stored = await this.#segments.list({ topicId, progress });
    let commits = 0;
    let backlog = false;
    let waitingForCode = 0;
    const log = this.#ports.log.ofTopic(topicId);
    for (const row of progress) {
      const { partition } = row;
      const bound = bounds.get(partition);
      invariant(bound !== undefined, 'a log that is not there is not what its progress says');
      const flushed = { next: row.nextOffset, commits: 0, size: null, taken, waitsForCode: false };
      const sound = { row, bounds: bound, stored: stored.get(partition) ?? [], log };
      const failed = await this.#flush(sound, flushed);
      if (failed !== null) failures.push(failed);
      committed.set(partition, flushed.next);
      commits += flushed.commits;
      backlog ||= flushed.commits > 1;
      if (flushed.waitsForCode) waitingForCode += 1;
    }
    return { commits, backlog, waitingForCode };
  }

  /**
   * Writes down what the pass saw of every partition, halted and waiting ones too, however it ended. Never throws: an
   * observation that is missing makes the one before it old, and every reader sees that. Answers whether it is stored.
   */
  async #observe(
    all: readonly Progress[],
    look: ShardLook,
    committed: ReadonlyMap<number, number>,
  ): Promise<boolean> {
    const { ledger } = this.#shard;
    try {
      await ledger.observe(all.map((row) => this.#observationOf(row, look, committed.get(row.partition))));
      return true;
    } catch (error) {
      this.#ports.logger.warn({ shard: ledger.shard, ...failure(error) }, 'not observed');
      return false;
    }
  }

  /**
   * The newest look whose end is committed, unless it is too old: then the newest look, of which a part is still in
   * flight. Without a next offset the log is not what its progress says, so its end says nothing.
   */
  #observationOf(
    { partition, generation }: Progress,
    { bounds, stampMs, atMs }: ShardLook,
    nextOffset: number | undefined,
  ): Observation {
    if (nextOffset === undefined) {
      return { partition, generation, observedAtMs: stampMs, logEnd: null, completeThroughMs: null };
    }
    const reached = this.#shard.history.of({ partition, generation }).committedLook(nextOffset);
    const completeThroughMs = reached?.stampMs ?? null;
    if (reached !== undefined && atMs - reached.atMs <= observationLagMsMax) {
      const { end: logEnd, stampMs: observedAtMs } = reached;
      return { partition, generation, observedAtMs, logEnd, completeThroughMs };
    }
    const logEnd = bounds.get(partition)?.end ?? null;
    return { partition, generation, observedAtMs: stampMs, logEnd, completeThroughMs };
  }

  /** The partitions in an order that begins with another one at each pass, so that no slow one is always first. */
  #inTurn(rows: readonly Progress[], nowMs: number): readonly Progress[] {
    const { history, ledger } = this.#shard;
    const turn = history.turn({ shard: ledger.shard, nowMs });
    const first = rows.length === 0 ? 0 : turn % rows.length;
    return [...rows.slice(first), ...rows.slice(0, first)];
  }

  #noteEnds(all: readonly Progress[], { bounds, atMs, stampMs }: ShardLook): void {
    const { history } = this.#shard;
    for (const row of all) {
      const end = bounds.get(row.partition)?.end;
      if (row.halted) history.forget(row);
      else if (end !== undefined) history.of(row).note({ end, atMs, stampMs }, row.nextOffset);
    }
  }

  /** The partitions whose log is what their progress says; the others wait or halt. */
  async #checkLog(
    progress: readonly Progress[],
    { topicId, bounds }: { readonly topicId: string; readonly bounds: ReadonlyMap<number, LogBounds> },
  ): Promise<readonly Progress[]> {
    const { history } = this.#shard;
    const { log, clock, logger } = this.#ports;
    if ((await log.topicId()) !== topicId) {
      const reason = 'the topic was replaced by another of the same name';
      for (const row of progress) await this.#stop(row, { kind: 'halts', code: 'topic_replaced', reason });
      return [];
    }
    const delivered = await readLastCommitted({ progress, bounds }, { log: log.ofTopic(topicId), logger });
    const sound: Progress[] = [];
    for (const row of progress) {
      const { partition } = row;
      const stop = checkLog({
        progress: row,
        bounds: bounds.get(partition),
        lastCommitted: delivered.get(partition)?.[0],
        behindSinceMs: history.of(row).behindSinceMs,
        atMs: clock.monotonic(),
      });
      if (stop === null) sound.push(row);
      else await this.#stop(row, stop);
    }
    return sound;
  }

  /** Commits what there is of a partition; a failure that may be its range's own is answered. */
  async #flush(partition: SoundPartition, flushed: FlushedPartition): Promise<RangeFailure | null> {
    try {
      await this.#commitRanges(partition, flushed);
      return null;
    } catch (error) {
      // Of the whole shard: its address leads to another one.
      if (error instanceof OdometerError && error.code === 'wrong_shard') throw error;
      const place = { ...partition.row, nextOffset: flushed.next };
      return await this.#afterFailure({ place, size: flushed.size }, error);
    }
  }

  /** Commits range after range until nothing is left to commit, the partition stops, or its turn is over. */
  async #commitRanges(
    { row, bounds, stored, log }: SoundPartition,
    flushed: FlushedPartition,
  ): Promise<void> {
    const { partition } = row;
    const { mayCommit, history, watch } = this.#shard;
    const { clock, logger } = this.#ports;
    const ports = { log, logger, segments: this.#segments, watch };
    const seen = history.of(row);
    const beganMs = clock.monotonic();
    let { checkedRanges, recordHash } = row;
    while (mayCommit()) {
      const { next } = flushed;
      const startedMs = clock.monotonic();
      if (startedMs - beganMs >= partitionTurnMs) return;
      if (seen.failing.rests(next, startedMs)) return;
      const oldEnd = seen.oldEnd(startedMs);
      const committed = committedRecord({ nextOffset: next, recordHash }, bounds);
      const outlook = { partition, next, committed, stored, logEnd: bounds.end, oldEnd };
      const found = await nextRange(outlook, ports);
      if (found.kind === 'nothing') return;
      flushed.size = found.kind === 'range' ? sizeOf(found.range) : null;
      const outcome =
        found.kind === 'range' ? await this.#commit(found.range, { ...row, checkedRanges }) : found;
      if (outcome.kind !== 'committed') {
        flushed.waitsForCode = outcome.kind === 'waits-for-code';
        return await this.#stop({ ...row, nextOffset: next }, outcome);
      }
      const tookMs = clock.monotonic() - startedMs;
      if (tookMs > slowRangeMs)
        logger.warn({ partition, from: next, to: outcome.next, tookMs }, 'slow range');
      ({ next: flushed.next, checkedRanges, recordHash } = outcome);
      flushed.commits += 1;
      if (flushed.size !== null) flushed.taken.push({ partition, ...flushed.size });
      flushed.size = null;
      seen.failing.forget();
      await this.#segments.deleteCommitted({ partition, nextOffset: flushed.next });
    }
  }

  async #commit(range: OffsetRange, progress: Progress): Promise<CommitOutcome> {
    const { ledger, watch } = this.#shard;
    const { checkpoint } = this.#ports;
    const commit = () => commitRange(range, progress, { ledger, checkpoint });
    const outcome = await watch.during('committing', commit);
    if (outcome.kind === 'committed') this.#noteCommit(range, outcome.load);
    return outcome;
  }

  /** What is transient is tried again at the next pass; a bug halts the partition; what may be either is answered. */
  async #afterFailure(
    { place, size }: Pick<RangeFailure, 'place' | 'size'>,
    error: unknown,
  ): Promise<RangeFailure | null> {
    const { logger } = this.#ports;
    const { partition, nextOffset: from } = place;
    if (!(error instanceof OdometerError) || error.suspicion !== undefined) {
      logger.error({ partition, from, ...failure(error) }, 'range failed');
      const reason = error instanceof Error ? error.message : String(error);
      const known = error instanceof OdometerError ? error.suspicion : undefined;
      return { place, reason, size, suspicion: known ?? { name: 'unexpected', underLoad: false } };
    }
    if (isTransient(error)) {
      logger.warn({ partition, from, ...failure(error) }, 'partition paused');
      return null;
    }
    logger.error({ partition, from, ...failure(error) }, 'range refused');
    await this.#stop(place, { kind: 'halts', code: error.code, reason: error.message });
    return null;
  }

  async #blame(failed: RangeFailure): Promise<void> {
    const { place, reason } = failed;
    const { failing } = this.#shard.history.of(place);
    if (!failing.note(failed, this.#ports.clock.monotonic())) return;
    const why = `failed ${rangeFailuresMax} times while the shard did other work: ${reason}`;
    if (await this.#halt(place, { code: 'range_failing', reason: why })) failing.forget();
  }

  #noteCommit({ partition, from, to }: OffsetRange, load: Load): void {
    const { inserted, duplicate, quarantined, foreign } = load;
    const bytes = load.days.flatMap(({ rows }) => rows).reduce((sum, rows) => sum + rows.length, 0);
    const counts = { committed: inserted, duplicate, quarantined: quarantined + foreign };
    this.#shard.onCommit({ ...counts, records: to - from, bytes });
    this.#ports.logger.debug({ partition, from, to, inserted }, 'range committed');
  }

  async #stop(place: PartitionPlace, stop: PartitionStop): Promise<void> {
    const { logger } = this.#ports;
    const { partition, nextOffset } = place;
    switch (stop.kind) {
      case 'fenced':
        logger.info({ partition, nextOffset }, 'range fenced');
        return;
      case 'waits':
      case 'waits-for-code':
        logger.warn({ partition, nextOffset, reason: stop.reason }, 'partition waits');
        return;
      case 'halts':
        await this.#halt(place, { code: stop.code, reason: stop.reason });
    }
  }

  /**
   * Answers whether the halt is written down. Where it cannot be now, its cause is found again by the next pass, or by the
   * next try of a range that fails; the other partitions go on.
   */
  async #halt(
    place: PartitionPlace,
    why: { readonly code: string; readonly reason: string },
  ): Promise<boolean> {
    const { logger } = this.#ports;
    const { partition, nextOffset } = place;
    logger.error({ partition, nextOffset, ...why }, 'partition halted');
    try {
      await this.#shard.ledger.halt(place, why);
      return true;
    } catch (error) {
      if (error instanceof OdometerError && error.code === 'wrong_shard') throw error;
      const level = isTransient(error) ? 'warn' : 'error';
      logger[level]({ partition, ...failure(error) }, 'halt not written down yet');
      return false;
    }
  }
}
