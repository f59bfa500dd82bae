import { aws_cloudwatch as cloudwatch, Duration } from 'aws-cdk-lib';
import {
  dimensionFunction,
  dimensionShard,
  type functionMetrics,
  metricNamespace,
} from '../../shared/contracts/metrics.ts';

/** A metric of one of our functions. */
export type OwnMetric = {
  [Name in keyof typeof functionMetrics]: readonly [Name, keyof (typeof functionMetrics)[Name] & string];
}[keyof typeof functionMetrics];

/** Gauges by `Maximum`, counts by `Sum`; how often it was told by `SampleCount`. */
type Statistic = 'Maximum' | 'Sum' | 'SampleCount';
const minute = Duration.minutes(1);

/** Over all shards, where the flusher emits it for each: it says everything without the shard too. */
export function ownMetric(
  [service, metricName]: OwnMetric,
  statistic: Exclude<Statistic, 'SampleCount'>,
): cloudwatch.IMetric {
  return metricOf({ [dimensionFunction]: service }, metricName, statistic);
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
