/** How the log is consumed, once, for MSK and for servers that somebody else runs. */
import { Duration, aws_lambda as lambda } from 'aws-cdk-lib';
import type { KafkaEventSourceProps } from 'aws-cdk-lib/aws-lambda-event-sources';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { invocationRecordsMax } from '../../shared/limits.ts';
import type { Capacity } from '../config/capacity.ts';

/**
 * TRIM_HORIZON and a named group: LATEST skips what arrives while a mapping is made, and a new group reads all
 * again. No on-failure destination: with one, infinite retries silently become ten. No filter: what a filter
 * drops is committed unseen. No record age, no bisecting: a batch waits until it can be stored, and poison is
 * the consumer's to quarantine. A window of 0 s is the low-latency setting of provisioned mode.
 */
export function logSource({ pollersMin, pollersMax }: Capacity['log']): KafkaEventSourceProps {
  return {
    topic: usageTopic.name,
    consumerGroupId: usageTopic.consumerGroup,
    startingPosition: lambda.StartingPosition.TRIM_HORIZON,
    batchSize: invocationRecordsMax,
    maxBatchingWindow: Duration.seconds(0),
    reportBatchItemFailures: true,
    retryAttempts: -1,
    provisionedPollerConfig: { minimumPollers: pollersMin, maximumPollers: pollersMax },
    logLevel: lambda.EventSourceMappingLogLevel.WARN,
    metricsConfig: {
      metrics: [
        lambda.MetricType.EVENT_COUNT,
        lambda.MetricType.ERROR_COUNT,
        lambda.MetricType.KAFKA_METRICS,
      ],
    },
  };
}
