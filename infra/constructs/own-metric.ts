import { aws_cloudwatch as cloudwatch, Duration } from 'aws-cdk-lib';
import {
  dimensionFunction,
  dimensionShard,
  type functionMetrics,
  metricNamespace,
} from '../../shared/contracts/metrics.ts';
import { shardCount } from '../../shared/domain/limits.ts';

/** A metric of one of our functions. */
export type OwnMetric = {
  [Name in keyof typeof functionMetrics]: readonly [Name, keyof (typeof functionMetrics)[Name] & string];
}[keyof typeof functionMetrics];

/** Gauges by `Maximum`, counts by `Sum`; how often it was told by `SampleCount`. */
type Statistic = 'Maximum' | 'Sum' | 'SampleCount';
const minute = Duration.minutes(1);

/** What the flusher emits a shard becomes one figure over all shards. */
export function ownMetric(
  [service, metricName]: OwnMetric,
  statistic: Exclude<Statistic, 'SampleCount'>,
): cloudwatch.IMetric {
  if (service !== 'flusher') return metricOf({ [dimensionFunction]: service }, metricName, statistic);
  // Ids are unique in a widget and start with a lower-case letter.
  const idOf = (shard: number) => `${metricName.charAt(0).toLowerCase()}${metricName.slice(1)}${shard}`;
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  return new cloudwatch.MathExpression({
    expression: `${statistic === 'Sum' ? 'SUM' : 'MAX'}([${shards.map(idOf).join(', ')}])`,
    label: metricName,
    period: minute,
    usingMetrics: Object.fromEntries(
      shards.map((shard) => [idOf(shard), shardMetric(metricName, shard, statistic)]),
    ),
  });
}

/** What the flusher emits for one shard. */
export function shardMetric(
  metricName: keyof typeof functionMetrics.flusher,
  shard: number,
  statistic: Statistic,
): cloudwatch.IMetric {
  const dimensions = { [dimensionFunction]: 'flusher', [dimensionShard]: String(shard) };
  return metricOf(dimensions, metricName, statistic);
}

function metricOf(
  dimensionsMap: Readonly<Record<string, string>>,
  metricName: string,
  statistic: Statistic,
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: metricNamespace,
    metricName,
    statistic,
    period: minute,
    dimensionsMap,
  });
}
