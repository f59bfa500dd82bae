/** The figures in Prometheus' text format, by prom-client; a figure without a value has no sample. */
import { Gauge, Registry } from 'prom-client';
import { type PipelineFigure, pipelineFigures } from '../../shared/contracts/metrics.ts';
import type { HttpAnswer } from '../../shared/http/stack.ts';
import { metricsWindowSeconds } from '../../shared/limits.ts';
import type { PipelineMeasure } from './measure-pipeline.ts';

interface Sample {
  readonly value: number | null;
  readonly labels?: Readonly<Record<string, string>>;
}

export async function toPrometheusText(measure: PipelineMeasure): Promise<HttpAnswer> {
  // A registry for each request: the figures are of this moment, and requests overlap.
  const registry = new Registry();
  for (const [name, samples] of Object.entries(samplesOf(measure))) {
    const known = samples.filter((sample) => sample.value !== null);
    // prom-client sets a new gauge without labels to 0, which would be read as a figure.
    if (known.length === 0) continue;
    // The keys of a Record of figures are figures.
    const figure = pipelineFigures[name as PipelineFigure];
    const labelNames: readonly string[] = 'labels' in figure ? figure.labels : [];
    const help = `${figure.meaning} (${figure.unit})`;
    const gauge = new Gauge({
      name: `odometer_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
    });
    for (const { value, labels } of known) gauge.set({ ...labels }, value ?? 0);
  }
  return { status: 200, body: await registry.metrics(), contentType: registry.contentType };
}

function samplesOf(measure: PipelineMeasure): Readonly<Record<PipelineFigure, readonly Sample[]>> {
  const { eventsPerMinute, oldestInFlightMs } = measure;
  return {
    events_per_second: [{ value: eventsPerMinute === null ? null : eventsPerMinute / metricsWindowSeconds }],
    events_per_minute: [{ value: eventsPerMinute }],
    write_reduction: [{ value: measure.writeReduction }],
    cache_hit_rate: [{ value: null }],
    shard_distribution: measure.shards.map(({ shard, share }) => {
      return { value: share, labels: { shard: String(shard) } };
    }),
    lag_records: measure.partitions.map(({ partition, shard, lagRecords }) => {
      return { value: lagRecords, labels: { partition: String(partition), shard: String(shard) } };
    }),
    in_flight_records: [{ value: measure.inFlightRecords }],
    oldest_in_flight_seconds: [{ value: oldestInFlightMs === null ? null : oldestInFlightMs / 1000 }],
    duplicates: [{ value: measure.duplicates }],
    conflicts: [{ value: measure.conflicts }],
    quarantined: [{ value: measure.quarantined }],
    halted_partitions: [{ value: measure.haltedPartitions }],
    ledger_log_difference: [{ value: measure.ledgerLogDifference }],
    waiting_segments: [{ value: measure.waitingSegments }],
    source_up: measure.sources.map(({ name, up }) => ({ value: up ? 1 : 0, labels: { source: name } })),
  };
}
