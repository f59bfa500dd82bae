/**
 * The use case: figures of the whole pipeline, read from Postgres, Kafka and Redis at this moment. Nothing comes from
 * the process that answers, so any two processes answer alike. A source that is down makes its own figures null.
 */
import type { Caller } from '../../shared/callers/caller.ts';
import { failure, OdometerError } from '../../shared/errors.ts';
import type {
  FiguresReader,
  LedgerWindow,
  PartitionPosition,
  ShardFigures,
} from '../../shared/ledger/shard-figures.ts';
import {
  metricsSourceTimeoutMs,
  metricsWindowSeconds,
  segmentRangesMax,
  shardCount,
} from '../../shared/limits.ts';
import type { EventLogReader, LogBounds } from '../../shared/log/event-log.ts';
import { differenceOf, lagOf, oldestAgeMs, readsOfOldest } from '../../shared/log/in-flight.ts';
import { shardOf } from '../../shared/log/routing.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { within } from '../../shared/runtime/within.ts';
import type { SegmentStore } from '../../shared/segments/segment-store.ts';

export interface MeasurePorts {
  readonly shards: Pick<FiguresReader, 'read'>;
  readonly log: Pick<EventLogReader, 'bounds' | 'read'>;
  readonly segments: Pick<SegmentStore, 'list'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly partitions: number;
}

/** A figure is null while a source of it is down, or where it has no value. */
export interface PipelineMeasure {
  readonly asOfMs: number;
  readonly eventsPerMinute: number | null;
  readonly writeReduction: number | null;
  readonly shards: readonly {
    readonly shard: number;
    readonly events: number | null;
    readonly share: number | null;
  }[];
  readonly partitions: readonly PartitionMeasure[];
  readonly inFlightRecords: number | null;
  readonly oldestInFlightMs: number | null;
  readonly duplicates: number | null;
  readonly conflicts: number | null;
  readonly quarantined: number | null;
  readonly haltedPartitions: number | null;
  readonly ledgerLogDifference: number | null;
  readonly waitingSegments: number | null;
  readonly sources: readonly { readonly name: string; readonly up: boolean }[];
}

interface PartitionMeasure {
  readonly partition: number;
  readonly shard: number;
  readonly lagRecords: number | null;
  readonly haltCode: string | null;
}

export type MeasureOutcome =
  | { readonly kind: 'measure'; readonly measure: PipelineMeasure }
  | { readonly kind: 'forbidden' };

/** Only administrators may see figures of all organizations' traffic together. */
export async function measurePipeline(caller: Caller, ports: MeasurePorts): Promise<MeasureOutcome> {
  if (!caller.scopes.has('admin')) return { kind: 'forbidden' };
  return { kind: 'measure', measure: await measure(ports) };
}

async function measure(ports: MeasurePorts): Promise<PipelineMeasure> {
  const asOfMs = ports.clock.now();
  const all = Array.from({ length: ports.partitions }, (_, partition) => partition);
  const numbers = Array.from({ length: shardCount }, (_, shard) => shard);
  const [stored, ...shards] = await Promise.all([
    ask('redis', () => ports.segments.list(all, segmentRangesMax), ports),
    ...numbers.map((shard) =>
      ask(`shard${shard}`, () => ports.shards.read({ shard, windowSeconds: metricsWindowSeconds }), ports),
    ),
  ]);
  // The log is read after the shards, so that its end is below what they have committed only if it was truncated.
  const bounds = await ask('kafka', () => ports.log.bounds(), ports);
  const answered = shards.filter((figures) => figures !== null);
  const positions = new Map(
    answered.flatMap((figures) => figures.positions).map((position) => [position.partition, position]),
  );
  const partitions = all.map((partition) => toPartition(partition, positions.get(partition), bounds));
  const windows = answered.length === shardCount ? answered.map(({ window }) => window) : null;
  const complete = bounds !== null && all.every((partition) => bounds.has(partition));
  return {
    asOfMs,
    ...sums(windows),
    shards: toShares(shards),
    partitions,
    inFlightRecords: total(partitions.map(({ lagRecords }) => lagRecords)),
    oldestInFlightMs: await oldestMs(all, positions, bounds, ports),
    haltedPartitions: windows && [...positions.values()].filter(({ haltCode }) => haltCode !== null).length,
    ledgerLogDifference: total(
      all.map((partition) => {
        const [position, bound] = [positions.get(partition), bounds?.get(partition)];
        return position === undefined || bound === undefined ? null : differenceOf({ ...position, ...bound });
      }),
    ),
    waitingSegments: stored && [...stored.values()].reduce((sum, ranges) => sum + ranges.length, 0),
    sources: [
      { name: 'kafka', up: complete },
      { name: 'redis', up: stored !== null },
      ...numbers.map((shard) => ({ name: `shard${shard}`, up: (shards[shard] ?? null) !== null })),
    ],
  };
}

/** null for a source that fails or takes too long; a bug of ours is thrown. */
async function ask<T>(source: string, read: () => Promise<T>, { logger }: MeasurePorts): Promise<T | null> {
  const answer = read().catch((error: unknown) => {
    if (!(error instanceof OdometerError) || error.code === 'invariant_broken') throw error;
    logger.warn({ source, ...failure(error) }, 'a source of metrics is down');
    return null;
  });
  return within(answer, metricsSourceTimeoutMs, () => null);
}

function sums(windows: readonly LedgerWindow[] | null) {
  const sum = (figure: (window: LedgerWindow) => number): number | null =>
    windows?.reduce((before, window) => before + figure(window), 0) ?? null;
  const inserted = sum((window) => window.inserted);
  const statements = sum((window) => window.writeStatements);
  // A service that writes through needs two statements an event: insert the event, update the total.
  const writeReduction =
    inserted === null || statements === null || inserted === 0
      ? null
      : 100 * (1 - statements / (2 * inserted));
  return {
    eventsPerMinute: inserted,
    writeReduction,
    duplicates: sum((window) => window.duplicate),
    conflicts: sum((window) => window.conflicts),
    quarantined: sum((window) => window.quarantined),
  };
}

function toShares(shards: readonly (ShardFigures | null)[]): PipelineMeasure['shards'] {
  const events = shards.map((figures) => figures?.window.inserted ?? null);
  const sum = total(events);
  return events.map((count, shard) => {
    return { shard, events: count, share: count === null || sum === null || sum === 0 ? null : count / sum };
  });
}

function toPartition(
  partition: number,
  position: PartitionPosition | undefined,
  bounds: ReadonlyMap<number, LogBounds> | null,
): PartitionMeasure {
  const end = bounds?.get(partition)?.end;
  const lagRecords =
    position === undefined || end === undefined ? null : lagOf({ nextOffset: position.nextOffset, end });
  return {
    partition,
    shard: shardOf(partition),
    lagRecords,
    haltCode: position?.haltCode ?? null,
  };
}

/** Age of the oldest record in flight of all partitions, in ms; null as soon as one partition cannot be read. */
async function oldestMs(
  all: readonly number[],
  positions: ReadonlyMap<number, PartitionPosition>,
  bounds: ReadonlyMap<number, LogBounds> | null,
  ports: MeasurePorts,
): Promise<number | null> {
  const known = all.flatMap((partition) => {
    const position = positions.get(partition);
    const bound = bounds?.get(partition);
    return position === undefined || bound === undefined ? [] : [{ ...position, ...bound }];
  });
  if (known.length < all.length) return null;
  const reads = readsOfOldest(known);
  if (reads.length === 0) return 0;
  const oldestInFlight = await ask('kafka', () => ports.log.read(reads), ports);
  return oldestInFlight && oldestAgeMs(oldestInFlight, ports.clock.now());
}

/** The sum; null as soon as one is unknown. */
function total(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}
