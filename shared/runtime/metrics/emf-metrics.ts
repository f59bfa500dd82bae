/** Metrics as lines of CloudWatch's embedded metric format on standard output, one a call, by Powertools. */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import { dimensionShard, functionMetrics, metricNamespace } from '../../contracts/metrics.ts';
import { type Metrics, noMetrics } from '../metrics.ts';

type EmittingFunction = keyof typeof functionMetrics;
type Values<Name extends EmittingFunction> = Readonly<Record<keyof (typeof functionMetrics)[Name], number>>;

/** The metrics of a function of this name; nothing is collected where Lambda does not run it. */
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
        EventsAccepted: accepted,
        EventsRejected: rejected,
        RequestsOverloaded: overloaded,
      }),
    segmentsStored: ({ stored, dropped }) =>
      emit('consumer', { SegmentsStored: stored, SegmentsDropped: dropped }),
    flushed: (shard, { committed, duplicate, quarantined }, standing) => {
      // Two sets of dimensions, the function alone first: every value counts for all shards together as well.
      powertools.addDimensions({}).addDimensions({ [dimensionShard]: String(shard) });
      emit('flusher', {
        EventsCommitted: committed,
        EventsDuplicate: duplicate,
        EventsQuarantined: quarantined,
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
