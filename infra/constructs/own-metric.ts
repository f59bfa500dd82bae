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

/** Gauges by `Maximum`, counts by `Sum`; what the flusher emits a shard becomes one figure over all shards. */
export function ownMetric(
  [service, metricName]: OwnMetric,
  statistic: 'Maximum' | 'Sum',
  period = Duration.minutes(1),
): cloudwatch.IMetric {
  const of = (shard: Readonly<Record<string, string>>) =>
    new cloudwatch.Metric({
      namespace: metricNamespace,
      metricName,
      statistic,
      period,
      dimensionsMap: { [dimensionFunction]: service, ...shard },
    });
  if (service !== 'flusher') return of({});
  // Ids are unique in a widget and start with a lower-case letter.
  const idOf = (shard: number) => `${metricName.charAt(0).toLowerCase()}${metricName.slice(1)}${shard}`;
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  return new cloudwatch.MathExpression({
    expression: `${statistic === 'Sum' ? 'SUM' : 'MAX'}([${shards.map(idOf).join(', ')}])`,
    label: metricName,
    period,
    usingMetrics: Object.fromEntries(
      shards.map((shard) => [idOf(shard), of({ [dimensionShard]: String(shard) })]),
    ),
  });
}
