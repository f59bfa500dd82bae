import { aws_cloudwatch as cloudwatch, Duration } from 'aws-cdk-lib';
import {
  dimensionFunction,
  dimensionShard,
  dimensionStage,
  type functionMetrics,
  metricNamespace,
} from '../../shared/contracts/metrics.ts';
import type { Stage } from '../config/stage.ts';

/** A metric of one of our functions. */
export type OwnMetric = {
  [Name in keyof typeof functionMetrics]: readonly [Name, keyof (typeof functionMetrics)[Name] & string];
}[keyof typeof functionMetrics];

/** Gauges by `Maximum`, counts by `Sum`; how often a value was emitted by `SampleCount`. */
type Statistic = 'Maximum' | 'Sum' | 'SampleCount';
const minute = Duration.minutes(1);

/** Over all shards: the flusher emits every value twice, with the shard and without. */
export function ownMetric(
  { name: stage }: Stage,
  [service, metricName]: OwnMetric,
  statistic: Exclude<Statistic, 'SampleCount'>,
): cloudwatch.IMetric {
  return metricOf({ [dimensionFunction]: service, [dimensionStage]: stage }, metricName, statistic);
}

/** What the flusher emits for one shard. */
export function shardMetric(
  { name: stage }: Stage,
  metricName: keyof typeof functionMetrics.flusher,
  shard: number,
  statistic: Statistic,
): cloudwatch.IMetric {
  const dimensions = {
    [dimensionFunction]: 'flusher',
    [dimensionStage]: stage,
    [dimensionShard]: String(shard),
  };
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
