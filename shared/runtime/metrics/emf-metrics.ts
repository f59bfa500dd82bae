/** Metrics as lines of CloudWatch's embedded metric format on standard output, one a call, by Powertools. */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import { ENV_LAMBDA_NAME, ENV_STAGE } from '../../contracts/env.ts';
import { dimensionShard, dimensionStage, functionMetrics, metricNamespace } from '../../contracts/metrics.ts';
import { invariant } from '../../errors.ts';
import type { Environment } from '../config.ts';
import { type Metrics, noMetrics } from '../metrics.ts';

type Unit = 'Bytes' | 'Count' | 'Milliseconds' | 'Seconds';
type EmittingFunction = keyof typeof functionMetrics;
type Values<Name extends EmittingFunction> = Readonly<Record<keyof (typeof functionMetrics)[Name], number>>;

/** The metrics of a function of this name, by its stage; nothing is collected where Lambda does not run it. */
export function createMetrics(name: string, environment: Environment): Metrics {
  return environment[ENV_LAMBDA_NAME] === undefined ? noMetrics : createEmfMetrics(name, environment);
}

function createEmfMetrics(name: string, { [ENV_STAGE]: stage }: Environment): Metrics {
  // Without its stage it would work, and no alarm would ever ring.
  invariant(stage !== undefined, `${ENV_STAGE} is not set`);
  const defaultDimensions = { [dimensionStage]: stage };
  const powertools = new Powertools({ namespace: metricNamespace, serviceName: name, defaultDimensions });
  const emit = <Of extends EmittingFunction>(of: Of, values: Partial<Values<Of>>): void => {
    const units: Readonly<Record<string, Unit>> = functionMetrics[of];
    for (const [metric, value] of Object.entries<number>(values as Record<string, number>))
      powertools.addMetric(metric, units[metric] ?? 'Count', value);
    powertools.publishStoredMetrics();
  };
  return {
    ingested: ({ accepted, rejected, overloaded }) =>
      emit('ingest', {
        EventsAccepted: accepted,
        EventsRejected: rejected,
        RequestsOverloaded: overloaded,
      }),
    batchStored: (batch) =>
      emit('consumer', {
        SegmentsStored: batch.stored,
        SegmentsDropped: batch.dropped,
        BatchRecords: batch.records,
        BatchBytes: batch.bytes,
        BatchFoldTime: batch.foldMs,
        BatchStoreTime: batch.storeMs,
      }),
    flushed: (shard, work, standing) => {
      // Two sets of dimensions, the function alone first: every value counts for all shards together as well.
      powertools.addDimensions({}).addDimensions({ [dimensionShard]: String(shard) });
      emit('flusher', {
        EventsCommitted: work.committed,
        EventsDuplicate: work.duplicate,
        EventsQuarantined: work.quarantined,
        RecordsCommitted: work.records,
        BytesCommitted: work.bytes,
        PassFoldTime: work.foldMs,
        PassWaitTime: work.waitMs,
        PassCommitTime: work.commitMs,
        ...(standing === null
          ? {}
          : {
              PartitionsHalted: standing.halted,
              PartitionsWaiting: standing.waitingForCode,
              LagRecords: standing.lagRecords,
              OldestInFlight: standing.oldestInFlightMs / 1000,
              LedgerLogDifference: standing.ledgerLogDifference,
            }),
      });
    },
  };
}
