/** The figures as the JSON of `GET /api/v1/metrics`, under the names of the contracts. */
import type { PipelineFigure } from '../../shared/contracts/metrics.ts';
import type { HttpAnswer } from '../../shared/http/stack.ts';
import { metricsWindowSeconds } from '../../shared/limits.ts';
import type { PipelineMeasure } from './measure-pipeline.ts';

/** Instead of `source_up`, this answer lists the sources that are down, as `unavailable`. */
type JsonFigure = Exclude<PipelineFigure, 'source_up'>;

export function toHttpMetrics(measure: PipelineMeasure): HttpAnswer {
  const { eventsPerMinute, oldestInFlightMs } = measure;
  const figures: Readonly<Record<JsonFigure, unknown>> = {
    events_per_second: eventsPerMinute === null ? null : eventsPerMinute / metricsWindowSeconds,
    events_per_minute: eventsPerMinute,
    write_reduction: measure.writeReduction,
    cache_hit_rate: null,
    shard_distribution: measure.shards,
    lag_records: measure.partitions.map(({ partition, shard, lagRecords, haltCode }) => {
      return { partition, shard, records: lagRecords, halted: haltCode };
    }),
    in_flight_records: measure.inFlightRecords,
    oldest_in_flight_seconds: oldestInFlightMs === null ? null : oldestInFlightMs / 1000,
    duplicates: measure.duplicates,
    conflicts: measure.conflicts,
    quarantined: measure.quarantined,
    halted_partitions: measure.haltedPartitions,
    ledger_log_difference: measure.ledgerLogDifference,
    waiting_segments: measure.waitingSegments,
  };
  const body = {
    as_of: new Date(measure.asOfMs).toISOString(),
    window_seconds: metricsWindowSeconds,
    ...figures,
    unavailable: measure.sources.filter(({ up }) => !up).map(({ name }) => name),
  };
  return { status: 200, body };
}
