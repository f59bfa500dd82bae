/** The alarms of an installation. Thresholds are what a person should be woken for; the reasons are beside them. */
import { aws_cloudwatch as cloudwatch, Duration } from 'aws-cdk-lib';
import { shardCount } from '../../shared/limits.ts';
import type { Stage } from '../config/stage.ts';
import type { FunctionVitals } from '../constructs/billing-function.ts';
import type { UsageApi } from '../constructs/usage-api.ts';
import type { DataVitals } from '../data-plane/data-plane.ts';
import type { AlarmBook, AlarmEntry } from './alarm-book.ts';
import { type OwnMetric, ownMetric, shardMetric } from './own-metric.ts';

type OwnEntry = Omit<AlarmEntry, 'id' | 'metric'> & {
  readonly metric: OwnMetric;
  readonly statistic: 'Maximum' | 'Sum';
};

/** Values of ours, by the minute. */
const ownAlarms: readonly OwnEntry[] = [
  // A healthy event is committed in a second or two; a failover of a shard or broker takes half a minute.
  {
    metric: ['flusher', 'OldestInFlight'],
    statistic: 'Maximum',
    above: 60,
    periods: 3,
    section: 'in-flight-age',
    says: 'Accepted events wait more than a minute to be counted.',
  },
  {
    metric: ['flusher', 'LagRecords'],
    statistic: 'Maximum',
    above: 1_000,
    periods: 5,
    section: 'consumer-lag',
    says: 'More than 1,000 records of a shard wait to be committed, for five minutes.',
  },
  {
    metric: ['flusher', 'PartitionsHalted'],
    statistic: 'Maximum',
    above: 0,
    periods: 1,
    section: 'partition-halted',
    says: 'A partition is halted and waits for an operator.',
  },
  // While a deployment is under way, old code may meet what newer code writes already.
  {
    metric: ['flusher', 'PartitionsWaiting'],
    statistic: 'Maximum',
    above: 0,
    periods: 3,
    section: 'partition-waiting',
    says: 'A partition waits before a record that this code does not count.',
  },
  // Read in an order in which health never shows one, so the first is real.
  {
    metric: ['flusher', 'LedgerLogDifference'],
    statistic: 'Maximum',
    above: 0,
    periods: 1,
    section: 'ledger-log-difference',
    says: 'Progress, ledger and log of a shard do not agree.',
  },
  {
    metric: ['flusher', 'EventsQuarantined'],
    statistic: 'Sum',
    above: 0,
    periods: 1,
    section: 'quarantine-growth',
    says: 'Something in the log could not be counted and is in quarantine.',
  },
  {
    metric: ['consumer', 'SegmentsDropped'],
    statistic: 'Sum',
    above: 0,
    periods: 1,
    section: 'segments-dropped',
    says: 'Redis did not take segments, so the flusher reads the log.',
  },
  {
    metric: ['ingest', 'RequestsOverloaded'],
    statistic: 'Sum',
    above: 0,
    periods: 3,
    section: 'ingest-overloaded',
    says: 'Ingest refuses requests because too much is in flight.',
  },
];

export function addOwnAlarms(book: AlarmBook, stage: Stage, functions: readonly FunctionVitals[]): void {
  for (const { metric, statistic, ...entry } of ownAlarms) {
    book.add({ ...entry, id: metric[1], metric: ownMetric(stage, metric, statistic) });
  }
  const flusher = functions.find(({ name }) => name === 'flusher');
  if (flusher === undefined) throw new Error('there is no flusher to watch');
  book.add({
    id: 'FlusherMissing',
    section: 'flusher-missing',
    says: 'The flusher has not been invoked for three minutes.',
    ...threeMinutesWithout('an invocation', flusher.invocations),
  });
  // For a shard that answers, every invocation emits the gauge at its end: at least every other minute, traffic or not.
  for (let shard = 0; shard < shardCount; shard++) {
    book.add({
      id: `ShardSilent-${shard}`,
      section: 'shard-silent',
      says: `Shard ${shard} could not be measured for three minutes.`,
      ...threeMinutesWithout('a gauge', shardMetric(stage, 'LagRecords', shard, 'SampleCount')),
    });
  }
}

/**
 * Rings above a value, of a count that must not be 0: silence and zero both ring. Without FILL, CloudWatch would
 * look past the gap for older values and ring minutes later; where it has none at all, missing data breaches.
 */
function threeMinutesWithout(
  what: string,
  seen: cloudwatch.IMetric,
): Pick<AlarmEntry, 'metric' | 'above' | 'periods' | 'silence'> {
  return {
    metric: new cloudwatch.MathExpression({
      expression: 'IF(FILL(seen, 0) > 0, 0, 1)',
      usingMetrics: { seen },
      period: Duration.minutes(1),
      label: `minutes without ${what}`,
    }),
    above: 0,
    periods: 3,
    silence: cloudwatch.TreatMissingData.BREACHING,
  };
}

export function addFunctionAlarms(book: AlarmBook, functions: readonly FunctionVitals[]): void {
  for (const { name, thresholds, errors, throttles } of functions) {
    book.add({
      id: `Errors-${name}`,
      section: 'function-errors',
      says: `Invocations of ${name} fail.`,
      metric: errors,
      above: thresholds.errorsMax,
      periods: 1,
    });
    book.add({
      id: `Throttles-${name}`,
      section: 'function-throttles',
      says: `Invocations of ${name} are refused for lack of concurrency.`,
      metric: throttles,
      above: thresholds.throttlesMax,
      periods: 1,
    });
  }
}

/** The promise is 65 ms at the 95th percentile, seen from the API. */
const latencyP95MsMax = 65;

export function addApiAlarms(book: AlarmBook, { api, throttled }: UsageApi): void {
  const period = Duration.minutes(5);
  book.add({
    id: 'ApiThrottled',
    section: 'api-throttled',
    says: 'Requests are answered 429 because there are more than the stage takes.',
    metric: throttled,
    above: 100,
    periods: 1,
  });
  book.add({
    id: 'Api5xxPercent',
    section: 'api-5xx',
    says: 'More than one in a hundred requests is answered 5xx.',
    metric: new cloudwatch.MathExpression({
      expression: '100 * failed / requests',
      usingMetrics: { failed: api.metricServerError({ period }), requests: api.metricCount({ period }) },
      period,
      label: 'percent 5xx',
    }),
    above: 1,
    periods: 1,
  });
  book.add({
    id: 'ApiLatencyP95',
    section: 'api-latency',
    says: `The API’s p95 is above ${latencyP95MsMax} ms.`,
    metric: api.metricLatency({ period, statistic: 'p95' }),
    above: latencyP95MsMax,
    periods: 3,
  });
}

/** Provisioned mode has at least one; without any nobody reads the log for the consumer. */
export function addPollerAlarms(book: AlarmBook, pollers: readonly cloudwatch.IMetric[]): void {
  for (const metric of pollers) {
    book.add({
      id: 'PollersMissing',
      section: 'pollers-missing',
      says: 'No event poller reads the log, so that the flusher reads all of it.',
      ...threeMinutesWithout('a poller', metric),
    });
  }
}

/** Brokers above this have no reserve for one that fails. */
const brokerCpuPercentMax = 60;
/** Of 3,000 by IAM, after which new environments of ingest are refused. */
const brokerConnectionsMax = 2_400;

function addBrokerAlarms(book: AlarmBook, { log }: DataVitals): void {
  const section = 'broker-health';
  for (const { brokers, withoutController } of log) {
    book.add({
      id: 'BrokersWithoutController',
      section,
      says: 'The brokers have no active controller, which takes seconds to elect.',
      metric: withoutController,
      above: 0,
      periods: 1,
    });
    for (const { broker, cpuPercent, connections } of brokers) {
      book.add({
        id: `BrokerCpu-${broker}`,
        section,
        says: `Broker ${broker} uses more than ${brokerCpuPercentMax} % of its CPU.`,
        metric: cpuPercent,
        above: brokerCpuPercentMax,
        periods: 3,
      });
      book.add({
        id: `BrokerConnections-${broker}`,
        section,
        says: `Broker ${broker} has more than ${brokerConnectionsMax} of the 3,000 connections that it takes.`,
        metric: connections,
        above: brokerConnectionsMax,
        periods: 1,
      });
    }
  }
}

/** From here on inserts wait for reads of the volume, one after the other. */
const shardMissPercentMax = 1;
const shardFreeBytesMin = 512 * 1024 ** 2;

function addShardMemoryAlarms(book: AlarmBook, { shards }: DataVitals): void {
  for (const { shard, missPercent, freeMemoryBytes } of shards) {
    const common = { section: 'shard-memory', periods: 3 } as const;
    book.add({
      ...common,
      id: `ShardMisses-${shard}`,
      says: `More than ${shardMissPercentMax} % of the pages that shard ${shard} reads are not in its memory.`,
      metric: missPercent,
      above: shardMissPercentMax,
    });
    book.add({
      ...common,
      id: `ShardFreeMemory-${shard}`,
      says: `Shard ${shard} has less than 512 MiB of memory left.`,
      metric: new cloudwatch.MathExpression({
        expression: `IF(free < ${shardFreeBytesMin}, 1, 0)`,
        usingMetrics: { free: freeMemoryBytes },
        period: Duration.minutes(5),
        label: 'out of memory',
      }),
      above: 0,
    });
  }
}

/** Half of Aurora's 256 TiB: the time to plan, not the time to hurry. */
const shardStorageBytesMax = 128 * 1024 ** 4;
/** Of the 1,700 that the smallest instance takes; we use some dozens. */
const shardConnectionsMax = 500;

export function addDataAlarms(book: AlarmBook, vitals: DataVitals): void {
  const { cache, shards, headsNotKept } = vitals;
  addBrokerAlarms(book, vitals);
  addShardMemoryAlarms(book, vitals);
  for (const metric of headsNotKept) {
    book.add({
      id: 'HeadsNotKept',
      section: 'heads-not-kept',
      says: 'Heads of the chains did not reach the bucket where nobody can change them.',
      metric,
      above: 0,
      periods: 1,
    });
  }
  for (const { node, memoryPercent, evictions } of cache) {
    book.add({
      id: `CacheMemory-${node}`,
      section: 'cache-memory',
      says: `Cache node ${node} is three quarters full.`,
      metric: memoryPercent,
      above: 75,
      periods: 5,
    });
    book.add({
      id: `CacheEvictions-${node}`,
      section: 'cache-evictions',
      says: `Cache node ${node} evicts keys, which must never happen.`,
      metric: evictions,
      above: 0,
      periods: 1,
    });
  }
  for (const { shard, storageBytes, connections } of shards) {
    book.add({
      id: `ShardStorage-${shard}`,
      section: 'shard-storage',
      says: `Shard ${shard} holds more than half of what a cluster can.`,
      metric: storageBytes,
      above: shardStorageBytesMax,
      periods: 1,
    });
    book.add({
      id: `ShardConnections-${shard}`,
      section: 'shard-connections',
      says: `Shard ${shard} has more connections than we ever open.`,
      metric: connections,
      above: shardConnectionsMax,
      periods: 2,
    });
  }
}
