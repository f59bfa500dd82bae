/** One pass over one shard's partitions: check the log, commit what there is, write down what was seen. */
import { logFields, OdometerError } from '../../shared/errors.ts';
import type { Checkpoint } from '../../shared/ledger/checkpoint.ts';
import type { OffsetRange } from '../../shared/ledger/load.ts';
import type { Observation, Progress, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { segmentRangesMax } from '../../shared/limits.ts';
import type { LogBounds } from '../../shared/log/event-log.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { FlushCounts, Metrics } from '../../shared/runtime/metrics.ts';
import type { StoredRange } from '../../shared/segments/segment-store.ts';
import { checkLog, headOffset, type LogVerdict } from './check-log.ts';
import { type CommitOutcome, commitRange } from './commit-range.ts';
import type { LogHistory } from './log-history.ts';
import { type NextRange, type NextRangePorts, nextRange } from './next-range.ts';

export interface FlushPorts extends NextRangePorts {
  readonly clock: Clock;
  readonly checkpoint: Checkpoint;
  readonly metrics: Metrics;
}

/** `mayCommit` says whether a transaction may still start. */
export interface ShardPass {
  readonly ledger: ShardLedger;
  readonly history: LogHistory;
  readonly mayCommit: () => boolean;
  /** Told of every commit, so that what a pass did before it failed is counted. */
  readonly committed: (counts: FlushCounts) => void;
}

/**
 * What one pass did. `backlog` says that more waits than one commit's worth, so that a pause would be idle;
 * `waitingForCode` counts the partitions whose next record this code does not count.
 */
export interface PassResult {
  readonly commits: number;
  readonly backlog: boolean;
  readonly waitingForCode: number;
}

/**
 * One pass over the shard's partitions. Throws retryable OdometerErrors of the log and of this shard; what
 * was committed before stays committed.
 */
export async function flushShard(pass: ShardPass, ports: FlushPorts): Promise<PassResult> {
  const { ledger, history } = pass;
  const observedAtMs = ports.clock.now();
  const bounds = await ports.log.bounds();
  const progress = (await ledger.progress()).filter(({ halted }) => !halted);
  for (const { partition, nextOffset } of progress) {
    const end = bounds.get(partition)?.end;
    if (end !== undefined) history.note(partition, end, nextOffset, observedAtMs);
  }
  const flowing = await checkPartitions(progress, bounds, pass, ports);
  const stored = await listSegments(flowing, ports);
  const observations: Observation[] = [];
  let commits = 0;
  let backlog = false;
  let waitingForCode = 0;
  for (const row of flowing) {
    const { partition } = row;
    const logEnd = bounds.get(partition)?.end ?? row.nextOffset;
    const flushed = await flushPartition(row, logEnd, stored.get(partition) ?? [], pass, ports);
    commits += flushed.commits;
    backlog ||= flushed.commits > 1;
    if (flushed.waitsForCode) waitingForCode += 1;
    const completeThroughMs = flushed.next >= logEnd ? observedAtMs : null;
    observations.push({ partition, logEnd: Math.max(logEnd, flushed.next), observedAtMs, completeThroughMs });
  }
  if (observations.length > 0) await ledger.observe(observations);
  return { commits, backlog, waitingForCode };
}

/** The partitions whose log is what the progress rows say; the others halt or wait. */
async function checkPartitions(
  progress: readonly Progress[],
  bounds: ReadonlyMap<number, LogBounds>,
  pass: ShardPass,
  ports: FlushPorts,
): Promise<readonly Progress[]> {
  if ((await ports.log.topicId()) !== (await pass.ledger.topicId())) {
    const reason = 'the topic was replaced by another of the same name';
    for (const { partition } of progress) await halt(partition, 'topic_replaced', reason, pass, ports);
    return [];
  }
  const reads = progress.flatMap((row) => {
    const from = headOffset(row, bounds.get(row.partition));
    return from === null ? [] : [{ partition: row.partition, from, bytesMax: 1 }];
  });
  const heads = reads.length === 0 ? new Map() : await ports.log.read(reads);
  const flowing: Progress[] = [];
  for (const row of progress) {
    const { partition } = row;
    const behindSinceMs = pass.history.behindSinceMs(partition);
    const head = heads.get(partition)?.[0];
    const verdict = checkLog(row, bounds.get(partition), head, behindSinceMs, ports.clock.now());
    if (await obey(verdict, partition, pass, ports)) flowing.push(row);
  }
  return flowing;
}

async function obey(
  verdict: LogVerdict | Exclude<NextRange, { readonly kind: 'range' | 'nothing' }>,
  partition: number,
  pass: ShardPass,
  ports: FlushPorts,
): Promise<boolean> {
  switch (verdict.kind) {
    case 'goes-on':
      return true;
    case 'waits':
    case 'waits-for-code':
      ports.logger.warn({ partition, reason: verdict.reason }, 'partition waits');
      return false;
    case 'halts':
      await halt(partition, verdict.code, verdict.reason, pass, ports);
      return false;
  }
}

async function halt(
  partition: number,
  code: string,
  reason: string,
  pass: ShardPass,
  ports: FlushPorts,
): Promise<void> {
  ports.logger.error({ partition, code, reason }, 'partition halted');
  await pass.ledger.halt(partition, code, reason);
}

/** Without Redis every partition is a gap, and the log is read. */
async function listSegments(
  progress: readonly Progress[],
  ports: FlushPorts,
): Promise<ReadonlyMap<number, readonly StoredRange[]>> {
  try {
    const stored = await ports.segments.list(
      progress.map(({ partition }) => partition),
      segmentRangesMax,
    );
    for (const { partition, nextOffset } of progress) {
      const leftovers = stored.get(partition)?.some(({ from }) => from < nextOffset) ?? false;
      if (leftovers) await ports.segments.deleteBelow(partition, nextOffset);
    }
    return stored;
  } catch (error) {
    ports.logger.warn({ ...logFields(error) }, 'segments not listed, the log is read');
    return new Map();
  }
}

/** Commits range after range until nothing is left to commit. */
async function flushPartition(
  row: Progress,
  logEnd: number,
  stored: readonly StoredRange[],
  pass: ShardPass,
  ports: FlushPorts,
): Promise<{ readonly next: number; readonly commits: number; readonly waitsForCode: boolean }> {
  const { partition } = row;
  let { nextOffset: next, checkedRanges } = row;
  let commits = 0;
  let waitsForCode = false;
  while (pass.mayCommit()) {
    const oldEnd = pass.history.oldEnd(partition, ports.clock.now());
    const found = await nextRange({ partition, next, stored, logEnd, oldEnd }, ports);
    if (found.kind === 'nothing') break;
    if (found.kind !== 'range') {
      waitsForCode = found.kind === 'waits-for-code';
      await obey(found, partition, pass, ports);
      break;
    }
    const outcome = await commitOrHalt(found.range, checkedRanges, pass, ports);
    if (outcome.kind === 'fenced') {
      ports.logger.info({ partition, from: found.range.from, to: found.range.to }, 'range fenced');
      break;
    }
    const { load } = outcome;
    const { inserted, duplicate, quarantined, foreign } = load;
    pass.committed({ committed: inserted, duplicate, quarantined: quarantined + foreign });
    ports.logger.debug({ partition, from: next, to: found.range.to, inserted }, 'range committed');
    next = found.range.to;
    checkedRanges = outcome.checkedRanges;
    commits += 1;
    await deleteCommitted(partition, next, ports);
  }
  return { next, commits, waitsForCode };
}

/** A range that the shard refuses, or that breaks an invariant, is a bug: its partition halts, others go on. */
async function commitOrHalt(
  range: OffsetRange,
  checkedRanges: number,
  pass: ShardPass,
  ports: FlushPorts,
): Promise<CommitOutcome> {
  try {
    return await commitRange(range, checkedRanges, { ledger: pass.ledger, checkpoint: ports.checkpoint });
  } catch (error) {
    if (!(error instanceof OdometerError) || error.retryable || error.code === 'wrong_shard') throw error;
    ports.logger.error({ partition: range.partition, err: error }, 'range refused');
    await halt(range.partition, error.code, error.message, pass, ports);
    return { kind: 'fenced' };
  }
}

async function deleteCommitted(partition: number, next: number, ports: FlushPorts): Promise<void> {
  try {
    await ports.segments.deleteBelow(partition, next);
  } catch (error) {
    ports.logger.warn({ partition, ...logFields(error) }, 'committed segments not deleted yet');
  }
}

/**
 * A retryable error pauses this shard; any other is a bug and ends the invocation. An offset that retention
 * removed while it was read is weather too: the next pass sees it in the bounds and halts the partition.
 */
export function isWeather(error: unknown): boolean {
  return error instanceof OdometerError && (error.retryable || error.code === 'offset_out_of_range');
}
