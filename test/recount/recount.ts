/**
 * Counts again what the shards claim to have counted, from nothing but the log and the documented contract.
 * It imports nothing of the project, so that an error there cannot excuse itself here.
 */
import { toUnits } from './decimal.ts';
import { type Difference, Findings } from './findings.ts';
import { HourSums } from './hour-sums.ts';
import { checkChain, checkRanges } from './ledger.ts';
import { type Bounds, Log } from './log.ts';
import { type LogCounts, PartitionWalk, type SharedTallies } from './partition-walk.ts';
import { type ProducerReport, Producers } from './producers.ts';
import { RowMatch } from './row-match.ts';
import { Shard, type ShardProgress } from './shard.ts';

export interface RecountTarget {
  /** Bootstrap servers, `host:port,...`. */
  readonly kafka: string;
  readonly topic: string;
  /** DSNs in shard order, of a login that may read every row. */
  readonly shards: readonly string[];
  /** Records that are not committed yet are a difference. */
  readonly complete?: boolean;
}

export interface RecountReport {
  readonly equal: boolean;
  readonly log: LogCounts;
  readonly rows: number;
  readonly commits: number;
  readonly partitions: number;
  readonly organizations: number;
  readonly producers: ProducerReport;
  readonly differences: readonly Difference[];
  readonly tookMs: number;
}

interface Totals {
  rows: number;
  commits: number;
}

export async function recount(target: RecountTarget): Promise<RecountReport> {
  const startedAt = performance.now();
  const findings = new Findings();
  const tallies: SharedTallies = {
    findings,
    producers: new Producers(),
    counts: noCounts(),
    homes: new Map(),
  };
  const totals: Totals = { rows: 0, commits: 0 };
  // The shards' snapshots come before the log's end, so that the log can only be ahead of them.
  const shards = await Promise.all(target.shards.map((dsn) => Shard.open(dsn)));
  try {
    const bounds = await readBounds(target);
    const held = await Promise.all(
      shards.map((shard, number) => recountShard(shard, number, bounds, target, tallies, totals)),
    );
    const homes = new Set(held.flat());
    for (const partition of bounds.keys()) {
      if (!homes.has(partition)) findings.add('partition_missing', `no shard holds partition ${partition}`);
    }
    const { recordsInFlight } = tallies.counts;
    if (target.complete === true && recordsInFlight > 0) {
      findings.add('in_flight', `${recordsInFlight} records are not committed`);
    }
    const differences = findings.list();
    return {
      equal: differences.length === 0,
      log: tallies.counts,
      ...totals,
      partitions: bounds.length,
      organizations: tallies.homes.size,
      producers: tallies.producers.report(),
      differences,
      tookMs: Math.round(performance.now() - startedAt),
    };
  } finally {
    await Promise.all(shards.map((shard) => shard.close()));
  }
}

async function readBounds({ kafka, topic }: RecountTarget): Promise<readonly Bounds[]> {
  const log = new Log(kafka, topic);
  try {
    return await log.bounds();
  } finally {
    await log.close();
  }
}

/** Recounts the partitions of one shard, one after the other; returns which they are. */
async function recountShard(
  shard: Shard,
  number: number,
  bounds: readonly Bounds[],
  target: RecountTarget,
  tallies: SharedTallies,
  totals: Totals,
): Promise<readonly number[]> {
  const { findings } = tallies;
  const progress = await shard.progress();
  const partitions = progress.map(({ partition }) => partition);
  await checkPlace(shard, { number, shards: target.shards.length }, partitions, findings);
  for (const key of await shard.keysTwice()) findings.add('key_twice', `shard ${number}: ${key}`);
  const match = new RowMatch(shard.rows(), findings);
  const log = new Log(target.kafka, target.topic);
  try {
    for (const row of progress) {
      // Not `+= await`: it would read the sum before the other shards have added to it.
      const commits = await recountPartition(shard, row, bounds[row.partition], log, match, tallies);
      totals.commits += commits;
    }
    await match.compare([], { partition: Number.POSITIVE_INFINITY, offset: 0, index: 0 }, new HourSums());
  } finally {
    await log.close();
  }
  totals.rows += match.count;
  return partitions;
}

async function checkPlace(
  shard: Shard,
  { number, shards }: { readonly number: number; readonly shards: number },
  partitions: readonly number[],
  findings: Findings,
): Promise<void> {
  const identity = await shard.number();
  if (identity !== number) findings.add('wrong_shard', `address ${number} is shard ${identity}`);
  for (const partition of new Set([...partitions, ...(await shard.mentionedPartitions())])) {
    if (partition % shards !== number || !partitions.includes(partition)) {
      findings.add('wrong_shard', `shard ${number} holds something of partition ${partition}`);
    }
  }
}

async function recountPartition(
  shard: Shard,
  progress: ShardProgress,
  bounds: Bounds | undefined,
  log: Log,
  match: RowMatch,
  tallies: SharedTallies,
): Promise<number> {
  const { findings } = tallies;
  const { partition, generation } = progress;
  const ledger = await shard.commits(partition);
  const commits = ledger.filter((commit) => commit.generation === generation);
  checkChain(partition, ledger, findings);
  checkRanges(progress, commits, findings);
  if (bounds === undefined) {
    findings.add('partition_missing', `the log has no partition ${partition}`);
    return ledger.length;
  }
  checkBounds(progress, bounds, findings);
  const walk = new PartitionWalk(
    { progress, commits, quarantine: await shard.quarantine(partition) },
    tallies,
  );
  const rowSums = new HourSums();
  let next = bounds.start;
  for await (const records of log.read(partition, bounds.start, bounds.end)) {
    for (const { offset } of records) {
      if (offset !== next) findings.add('log_hole', `partition ${partition}: ${offset} follows ${next - 1}`);
      next = offset + 1;
    }
    await match.compare(walk.take(records), { partition, offset: next, index: 0 }, rowSums);
  }
  await match.compare([], { partition: partition + 1, offset: 0, index: 0 }, rowSums);
  walk.finish();
  walk.sums.compare(rowSums, 'hour_of_rows', findings);
  walk.sums.compare(await rollupSums(shard, partition), 'hour_of_rollups', findings);
  compareConflicts(partition, walk.conflicts, new Set(await shard.conflicts(partition)), findings);
  return ledger.length;
}

function checkBounds(progress: ShardProgress, bounds: Bounds, findings: Findings): void {
  const { partition, firstOffset, nextOffset } = progress;
  if (bounds.end < nextOffset) {
    findings.add(
      'log_short',
      `partition ${partition}: committed to ${nextOffset}, the log ends at ${bounds.end}`,
    );
  }
  if (bounds.start > firstOffset) {
    const text = `partition ${partition}: counted from ${firstOffset}, the log keeps from ${bounds.start}`;
    findings.add('log_start', text);
  }
}

async function rollupSums(shard: Shard, partition: number): Promise<HourSums> {
  const sums = new HourSums();
  for (const { organization, metric, quarterMs, total, count } of await shard.rollups(partition)) {
    sums.add(organization, metric, quarterMs, toUnits(total), count);
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

function noCounts(): LogCounts {
  return {
    records: 0,
    events: 0,
    counted: 0,
    duplicates: 0,
    conflicts: 0,
    quarantined: 0,
    foreign: 0,
    skipped: 0,
    recordsInFlight: 0,
    eventsInFlight: 0,
    fingerprintsOff: 0,
  };
}
