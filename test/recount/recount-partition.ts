/** Recounts one partition: by the log where the log holds whole commits, and by the ledger's digests where it does not. */
import { ClosedDays } from './closed-days.ts';
import { toUnits } from './decimal.ts';
import { DimensionSets } from './dimension-sets.ts';
import type { Findings } from './findings.ts';
import { HourSums } from './hour-sums.ts';
import { compareKept } from './kept-digests.ts';
import { checkChain, checkRanges } from './ledger.ts';
import type { Bounds, Log } from './log.ts';
import { OlderCommits } from './older-commits.ts';
import { PartitionWalk, type SharedTallies } from './partition-walk.ts';
import type { RowMatch } from './row-match.ts';
import type { Commit, RollupRow, Shard, ShardProgress } from './shard.ts';

/** What a shard's partitions are recounted from. */
export interface Sources {
  readonly shard: Shard;
  readonly match: RowMatch;
  readonly log: Log;
}

export interface PartitionReport {
  readonly commits: number;
  /** What was compared with the ledger only. */
  readonly olderRows: number;
  readonly olderCommits: number;
  /** The first offset whose commit was recounted from the log. */
  readonly readFrom: number;
}

export async function recountPartition(
  { shard, match, log }: Sources,
  progress: ShardProgress,
  bounds: Bounds | undefined,
  tallies: SharedTallies,
): Promise<PartitionReport> {
  const { findings } = tallies;
  const { partition, generation } = progress;
  const ledger = await shard.commits(partition);
  const current = ledger.filter((commit) => commit.generation === generation);
  checkChain(partition, ledger, findings);
  await compareKept(shard, partition, ledger, findings);
  checkRanges(progress, current, findings);
  if (bounds === undefined) {
    findings.add('partition_missing', `the log has no partition ${partition}`);
    return { commits: ledger.length, olderRows: 0, olderCommits: 0, readFrom: 0 };
  }
  checkBounds(progress, bounds, findings);
  const closed = new ClosedDays(ledger, progress.closedBefore);
  const readFrom = readFromOf(progress, current, bounds);
  const newer = current.filter(({ from }) => from >= readFrom);
  const sets = new DimensionSets();
  const before = { partition, commits: ledger.slice(0, ledger.length - newer.length) };
  const older = new OlderCommits(before, closed, sets, findings);
  const quarantine = (await shard.quarantine(progress)).filter(({ offset }) => offset >= readFrom);
  const closedBefore = closed.closedBefore(before.commits);
  const claims = { shard: shard.number, progress, commits: newer, quarantine, closed, sets, closedBefore };
  const walk = new PartitionWalk(claims, tallies);
  await match.takeOlder({ partition, generation, offset: readFrom, index: 0 }, (row) => {
    older.take(row);
    walk.takeOlder(row);
  });
  older.finish();
  const rowSums = await matchLog({ log, match, walk, findings }, progress, {
    start: Math.max(readFrom, bounds.start),
    end: bounds.end,
  });
  walk.finish();
  walk.sums.compare(rowSums, 'hour_of_rows', findings);
  walk.sums.addAll(older.sums);
  const rollups = await shard.rollups(partition);
  walk.sums.compare(sumsOf(rollups, closed), 'hour_of_rollups', findings);
  sets.compare(
    partition,
    rollups.filter(({ quarterMs }) => !closed.hasTime(quarterMs)),
    findings,
  );
  closed.compare(partition, rollups, findings);
  compareConflicts(partition, walk.conflicts, new Set(await shard.conflicts(progress, readFrom)), findings);
  return { commits: ledger.length, olderRows: older.rows, olderCommits: older.count, readFrom };
}

/**
 * Retention removes whole segments of the log, wherever commits begin and end, so the first commit that is recounted from
 * the log is the first one that it holds whole. What is below was counted by another generation, or is gone.
 */
function readFromOf(progress: ShardProgress, commits: readonly Commit[], { start }: Bounds): number {
  if (start <= progress.firstOffset) return progress.firstOffset;
  return commits.find(({ from, to }) => from >= start && to > from)?.from ?? progress.nextOffset;
}

interface Matching {
  readonly log: Log;
  readonly match: RowMatch;
  readonly walk: PartitionWalk;
  readonly findings: Findings;
}

/** Walks the log and matches its rows; returns the sums of the rows. */
async function matchLog(
  { log, match, walk, findings }: Matching,
  { partition, generation }: ShardProgress,
  { start, end }: Bounds,
): Promise<HourSums> {
  const sums = new HourSums();
  let next = start;
  for await (const records of log.read(partition, start, end)) {
    for (const { offset } of records) {
      if (offset !== next) findings.add('log_hole', `partition ${partition}: ${offset} follows ${next - 1}`);
      next = offset + 1;
    }
    await match.compare(walk.take(records), { partition, generation, offset: next, index: 0 }, sums);
  }
  await match.compare([], { partition: partition + 1, generation: 0, offset: 0, index: 0 }, sums);
  return sums;
}

function checkBounds(progress: ShardProgress, bounds: Bounds, findings: Findings): void {
  const { partition, nextOffset } = progress;
  if (bounds.end < nextOffset) {
    findings.add(
      'log_short',
      `partition ${partition}: committed to ${nextOffset}, the log ends at ${bounds.end}`,
    );
  }
  if (bounds.start > nextOffset) {
    const text = `partition ${partition}: committed to ${nextOffset}, the log keeps from ${bounds.start}`;
    findings.add('log_start', text);
  }
}

/** The totals of the days that are not closed. */
function sumsOf(rollups: readonly RollupRow[], closed: ClosedDays): HourSums {
  const sums = new HourSums();
  for (const { organization, metric, quarterMs, total, count } of rollups) {
    if (!closed.hasTime(quarterMs)) sums.add(organization, metric, quarterMs, toUnits(total), count);
  }
  return sums;
}

function compareConflicts(
  partition: number,
  expected: ReadonlySet<string>,
  found: ReadonlySet<string>,
  findings: Findings,
): void {
  for (const place of expected.symmetricDifference(found)) {
    const side = expected.has(place) ? 'not recorded' : 'recorded, but none';
    findings.add('conflicts', `partition ${partition} at ${place}: ${side}`);
  }
}
