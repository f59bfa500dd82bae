import { aws_cloudwatch as cloudwatch, Duration } from 'aws-cdk-lib';
import {
  type MetricName,
  metricDimensions,
  metricNamespace,
  metrics,
} from '../../shared/contracts/metrics.ts';

/** A metric of ours in one stage; gauges by `Maximum`, counts by `Sum`. */
export function ownMetric(
  stage: string,
  metricName: MetricName,
  statistic: 'Maximum' | 'Sum',
  period = Duration.minutes(1),
): cloudwatch.Metric {
  const [service, stageName] = metricDimensions;
  return new cloudwatch.Metric({
    namespace: metricNamespace,
    metricName,
    statistic,
    period,
    dimensionsMap: { [service]: metrics[metricName].service, [stageName]: stage },
  });
}
