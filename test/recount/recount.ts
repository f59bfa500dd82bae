/**
 * Counts again what the shards claim to have counted, from nothing but the log and the documented contract.
 * It imports nothing of the project, so that an error there cannot excuse itself here.
 */
import { type Difference, Findings } from './findings.ts';
import { HourSums } from './hour-sums.ts';
import { type Bounds, Log } from './log.ts';
import type { LogCounts, SharedTallies } from './partition-walk.ts';
import { type ProducerReport, Producers } from './producers.ts';
import { recountPartition } from './recount-partition.ts';
import { RowMatch } from './row-match.ts';
import { Shard } from './shard.ts';

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
  readonly older: OlderReport;
  readonly partitions: number;
  readonly organizations: number;
  readonly producers: ProducerReport;
  readonly differences: readonly Difference[];
  readonly tookMs: number;
}

/** What the log no longer holds whole: its rows were compared with the ledger's digests, and the totals with the rows. */
interface OlderReport {
  readonly rows: number;
  readonly commits: number;
  /** Where the log starts, and the first offset whose commit was recounted from it. */
  readonly partitions: readonly {
    readonly partition: number;
    readonly logStart: number;
    readonly readFrom: number;
  }[];
}

interface Totals {
  rows: number;
  commits: number;
  readonly older: { rows: number; commits: number; readonly partitions: OlderReport['partitions'][number][] };
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
  const totals: Totals = { rows: 0, commits: 0, older: { rows: 0, commits: 0, partitions: [] } };
  // The shards' snapshots come before the log's end, so that the log can only be ahead of them.
  const shards = await Promise.all(target.shards.map((dsn, number) => Shard.open(dsn, number)));
  try {
    const bounds = await readBounds(target);
    const held = await Promise.all(
      shards.map((shard) => recountShard(shard, bounds, target, tallies, totals)),
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
      producers: tallies.producers.report({ logIsWhole: bounds.every(({ start }) => start === 0) }),
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
  bounds: readonly Bounds[],
  target: RecountTarget,
  tallies: SharedTallies,
  totals: Totals,
): Promise<readonly number[]> {
  const { findings } = tallies;
  const progress = await shard.progress();
  const partitions = progress.map(({ partition }) => partition);
  await checkPlace(shard, target.shards.length, partitions, findings);
  for (const key of await shard.keysTwice()) findings.add('key_twice', `shard ${shard.number}: ${key}`);
  const match = new RowMatch(shard.rows(), findings);
  const log = new Log(target.kafka, target.topic);
  try {
    for (const row of progress) {
      const ofPartition = bounds[row.partition];
      // Not `+= await`: it would read the sum before the other shards have added to it.
      const found = await recountPartition({ shard, match, log }, row, ofPartition, tallies);
      totals.commits += found.commits;
      if (found.olderCommits > 0 && ofPartition !== undefined) {
        const { partition } = row;
        totals.older.rows += found.olderRows;
        totals.older.commits += found.olderCommits;
        totals.older.partitions.push({ partition, logStart: ofPartition.start, readFrom: found.readFrom });
      }
    }
    await match.compare(
      [],
      { partition: Number.POSITIVE_INFINITY, generation: 0, offset: 0, index: 0 },
      new HourSums(),
    );
  } finally {
    await log.close();
  }
  totals.rows += match.count;
  return partitions;
}

async function checkPlace(
  shard: Shard,
  shards: number,
  partitions: readonly number[],
  findings: Findings,
): Promise<void> {
  const { number } = shard;
  const identity = await shard.identity();
  if (identity !== number) findings.add('wrong_shard', `address ${number} is shard ${identity}`);
  for (const partition of new Set([...partitions, ...(await shard.mentionedPartitions())])) {
    if (partition % shards !== number || !partitions.includes(partition)) {
      findings.add('wrong_shard', `shard ${number} holds something of partition ${partition}`);
    }
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
