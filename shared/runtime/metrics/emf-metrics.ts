/** Metrics as lines of CloudWatch's embedded metric format on standard output, one a call, by Powertools. */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import {
  dimensionShard,
  functionMetrics,
  metricBatchBytes,
  metricBatchFoldTime,
  metricBatchRecords,
  metricBatchStoreTime,
  metricBytesCommitted,
  metricEventsAccepted,
  metricEventsCommitted,
  metricEventsDuplicate,
  metricEventsQuarantined,
  metricEventsRejected,
  metricLagRecords,
  metricLedgerLogDifference,
  metricNamespace,
  metricOldestInFlight,
  metricPartitionsHalted,
  metricPartitionsWaiting,
  metricPassCommitTime,
  metricPassFoldTime,
  metricPassWaitTime,
  metricRecordsCommitted,
  metricRequestsOverloaded,
  metricSegmentsDropped,
  metricSegmentsStored,
} from '../../contracts/metrics.ts';
import { type Metrics, noMetrics } from '../metrics.ts';

type Unit = 'Bytes' | 'Count' | 'Milliseconds' | 'Seconds';
type EmittingFunction = keyof typeof functionMetrics;
type Values<Name extends EmittingFunction> = Readonly<Record<keyof (typeof functionMetrics)[Name], number>>;

/** The metrics of a function of this name; nothing is collected where Lambda does not run it. */
export function createMetrics(name: string, lambdaName: string | undefined): Metrics {
  return lambdaName === undefined ? noMetrics : createEmfMetrics(name);
}

function createEmfMetrics(name: string): Metrics {
  const powertools = new Powertools({ namespace: metricNamespace, serviceName: name });
  const emit = <Of extends EmittingFunction>(of: Of, values: Partial<Values<Of>>): void => {
    const units: Readonly<Record<string, Unit>> = functionMetrics[of];
    for (const [metric, value] of Object.entries<number>(values as Record<string, number>))
      powertools.addMetric(metric, units[metric] ?? 'Count', value);
    powertools.publishStoredMetrics();
  };
  return {
    ingested: ({ accepted, rejected, overloaded }) =>
      emit('ingest', {
        [metricEventsAccepted]: accepted,
        [metricEventsRejected]: rejected,
        [metricRequestsOverloaded]: overloaded,
      }),
    batchStored: (batch) =>
      emit('consumer', {
        [metricSegmentsStored]: batch.stored,
        [metricSegmentsDropped]: batch.dropped,
        [metricBatchRecords]: batch.records,
        [metricBatchBytes]: batch.bytes,
        [metricBatchFoldTime]: batch.foldMs,
        [metricBatchStoreTime]: batch.storeMs,
      }),
    flushed: (shard, work, standing) => {
      // Two sets of dimensions, the function alone first: the sum over all shards is a metric too.
      powertools.addDimensions({}).addDimensions({ [dimensionShard]: String(shard) });
      emit('flusher', {
        [metricEventsCommitted]: work.committed,
        [metricEventsDuplicate]: work.duplicate,
        [metricEventsQuarantined]: work.quarantined,
        [metricRecordsCommitted]: work.records,
        [metricBytesCommitted]: work.bytes,
        [metricPassFoldTime]: work.foldMs,
        [metricPassWaitTime]: work.waitMs,
        [metricPassCommitTime]: work.commitMs,
        ...(standing === null
          ? {}
          : {
              [metricPartitionsHalted]: standing.halted,
              [metricPartitionsWaiting]: standing.waitingForCode,
              [metricLagRecords]: standing.lagRecords,
              [metricOldestInFlight]: standing.oldestInFlightMs / 1000,
              [metricLedgerLogDifference]: standing.ledgerLogDifference,
            }),
      });
    },
  };
}
