/**
 * Metrics as lines of CloudWatch's embedded metric format on standard output, by Powertools. A line a request would cost
 * more than the request, so counts are added up and written once in `metricsPublishMs`, by the first call after it. What
 * an environment counted since its last line is lost when Lambda ends it: figures, for less than ten seconds of work, and
 * never events, whose truth is the ledger.
 */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import { ENV_LAMBDA_NAME, ENV_STAGE } from '../../contracts/env.ts';
import { dimensionShard, dimensionStage, functionMetrics, metricNamespace } from '../../contracts/metrics.ts';
import { invariant } from '../../errors.ts';
import { metricsPublishMs } from '../../limits.ts';
import type { Environment } from '../config.ts';
import { type Metrics, noMetrics, type ShardStanding, type ShardWork } from '../metrics.ts';

type Unit = 'Bytes' | 'Count' | 'Milliseconds' | 'Seconds';
type EmittingFunction = keyof typeof functionMetrics;
type Values<Name extends EmittingFunction> = Readonly<Record<keyof (typeof functionMetrics)[Name], number>>;

/** The metrics of a function of this name, by its stage; nothing is collected where Lambda does not run it. */
export function createMetrics(
  name: string,
  environment: Environment,
  monotonicMs: () => number = () => performance.now(),
): Metrics {
  if (environment[ENV_LAMBDA_NAME] === undefined) return noMetrics;
  return createEmfMetrics(name, environment, monotonicMs);
}

function createEmfMetrics(
  name: string,
  { [ENV_STAGE]: stage }: Environment,
  monotonicMs: () => number,
): Metrics {
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
  const sums = new Map<string, number>();
  let writtenMs = Number.NEGATIVE_INFINITY;
  const count = <Of extends 'ingest' | 'consumer' | 'query'>(of: Of, values: Partial<Values<Of>>): void => {
    for (const [metric, value] of Object.entries<number>(values as Record<string, number>))
      sums.set(metric, (sums.get(metric) ?? 0) + value);
    const nowMs = monotonicMs();
    if (nowMs - writtenMs < metricsPublishMs) return;
    writtenMs = nowMs;
    // The keys are those of `values`, whose metrics are all of one function.
    emit(of, Object.fromEntries(sums) as Partial<Values<Of>>);
    sums.clear();
  };
  return {
    ingested: ({ accepted, rejected, overloaded }) =>
      count('ingest', {
        EventsAccepted: accepted,
        EventsRejected: rejected,
        RequestsOverloaded: overloaded,
        // Counted by `quotaAsked`; with them a line is whole.
        RequestsOverQuota: 0,
        RequestsUncounted: 0,
      }),
    quotaAsked: ({ overQuota, uncounted }) =>
      name === 'query'
        ? count('query', { QueriesOverQuota: overQuota, QueriesUncounted: uncounted })
        : count('ingest', { RequestsOverQuota: overQuota, RequestsUncounted: uncounted }),
    batchStored: (batch) =>
      count('consumer', {
        SegmentsStored: batch.stored,
        SegmentsReplaced: batch.replaced,
        SegmentsDropped: batch.dropped,
        BatchRecords: batch.records,
        BatchBytes: batch.bytes,
        BatchFoldTime: batch.foldMs,
        BatchStoreTime: batch.storeMs,
      }),
    flushed: (shard, work, standing) => {
      // Two sets of dimensions, the function alone first: every value counts for all shards together as well.
      powertools.addDimensions({}).addDimensions({ [dimensionShard]: String(shard) });
      emit('flusher', valuesOf(work, standing));
    },
  };
}

/** Without gauges where nothing is known of the partitions. */
function valuesOf(work: ShardWork, standing: ShardStanding | null): Partial<Values<'flusher'>> {
  return {
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
  };
}
