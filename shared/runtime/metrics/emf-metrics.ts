/** Metrics as lines of CloudWatch's embedded metric format on standard output, one a call, by Powertools. */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import {
  dimensionShard,
  functionMetrics,
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
  metricRequestsOverloaded,
  metricSegmentsDropped,
  metricSegmentsStored,
} from '../../contracts/metrics.ts';
import { type Metrics, noMetrics } from '../metrics.ts';

type EmittingFunction = keyof typeof functionMetrics;
type Values<Name extends EmittingFunction> = Readonly<Record<keyof (typeof functionMetrics)[Name], number>>;

/** The metrics of a function of this name; nothing is collected where Lambda does not run it. */
// Same type: our name is a literal at each call, Lambda's is read from the environment.
export function createMetrics(name: string, lambdaName: string | undefined): Metrics {
  return lambdaName === undefined ? noMetrics : createEmfMetrics(name);
}

function createEmfMetrics(name: string): Metrics {
  const powertools = new Powertools({ namespace: metricNamespace, serviceName: name });
  const emit = <Of extends EmittingFunction>(of: Of, values: Partial<Values<Of>>): void => {
    const units: Readonly<Record<string, 'Count' | 'Seconds'>> = functionMetrics[of];
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
    segmentsStored: ({ stored, dropped }) =>
      emit('consumer', { [metricSegmentsStored]: stored, [metricSegmentsDropped]: dropped }),
    flushed: (shard, { committed, duplicate, quarantined }, standing) => {
      // Two sets of dimensions, the function alone first: what is said of all shards is a metric too.
      powertools.addDimensions({}).addDimensions({ [dimensionShard]: String(shard) });
      emit('flusher', {
        [metricEventsCommitted]: committed,
        [metricEventsDuplicate]: duplicate,
        [metricEventsQuarantined]: quarantined,
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
