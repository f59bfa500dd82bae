/** Monthly cost of an installation by service, from its load. Pure arithmetic over the price table. */
import { shardCount } from '../../shared/limits.ts';
import { type Capacity, capacities } from '../config/capacity.ts';
import { assumptions, logBytesPerEvent } from './assumptions.ts';
import prices from './prices.json' with { type: 'json' };

export interface Load {
  readonly eventsPerMinute: number;
  /** Events of one request. */
  readonly batch: number;
}

export interface Estimate {
  readonly profile: string;
  readonly eventsPerMonth: number;
  readonly requestsPerSecond: number;
  /** US dollars a month, by service. */
  readonly services: Readonly<Record<string, number>>;
  readonly total: number;
  readonly perMillionEvents: number;
}

const gib = 1024 ** 3;
const secondsPerHour = 3600;
const { hoursPerMonth } = assumptions;
const secondsPerMonth = hoursPerMonth * secondsPerHour;
const profileOrder = ['1.2M', '5M', '10M'] as const;

/** The smallest profile that carries the load; the largest one for more, by itself not enough above 10 million. */
function profileFor(eventsPerMinute: number): (typeof profileOrder)[number] {
  return profileOrder.find((name) => capacities[name].eventsPerMinute >= eventsPerMinute) ?? '10M';
}

export function estimate({ eventsPerMinute, batch }: Load): Estimate {
  const profile = profileFor(eventsPerMinute);
  const capacity: Capacity = capacities[profile];
  const events = (eventsPerMinute / 60) * secondsPerMonth;
  const traffic: Traffic = {
    events,
    requests: events / batch,
    batch,
    logBytes: events * logBytesPerEvent(batch),
  };
  const services = {
    'API Gateway': httpApi(traffic),
    'Lambda ingest': ingest(traffic, capacity),
    'Lambda consumer and pollers': consumer(traffic, capacity),
    'Lambda flusher':
      shardCount *
      gbSeconds(capacity.flusherMemoryMb) *
      secondsPerMonth *
      assumptions.flusherShare *
      prices.lambda.perGbSecond,
    MSK: log(traffic, capacity),
    'Transfer between zones':
      (traffic.logBytes / gib) * assumptions.crossZoneShare * prices.transferBetweenZonesPerGb,
    ElastiCache: assumptions.cacheNodes * hourly(prices.cachePerHour, capacity.cacheNodeType),
    'Aurora instances':
      2 *
      shardCount *
      hourly(prices.aurora.instancePerHour, capacity.shardInstance) *
      prices.aurora.ioOptimizedFactor,
    'Aurora storage': (bytesKept(events) / gib) * prices.aurora.storagePerGibMonth,
    'Logs, metrics, alarms': observation(traffic),
    'Network, keys, secrets':
      assumptions.zones * prices.endpointPerZoneHour * hoursPerMonth +
      assumptions.secrets * prices.secretPerMonth +
      assumptions.keys * prices.keyPerMonth,
  };
  const total = Object.values(services).reduce((sum, cost) => sum + cost, 0);
  return {
    profile,
    eventsPerMonth: events,
    requestsPerSecond: traffic.requests / secondsPerMonth,
    services,
    total,
    perMillionEvents: (total / events) * 1e6,
  };
}

interface Traffic {
  readonly events: number;
  readonly requests: number;
  readonly batch: number;
  readonly logBytes: number;
}

function httpApi({ requests, batch }: Traffic): number {
  const { perMillion, perMillionAbove, tierMillions, meteredKib } = prices.httpApi;
  const meters = Math.max(1, Math.ceil((batch * assumptions.requestBytesPerEvent) / (meteredKib * 1024)));
  const millions = (requests * meters) / 1e6;
  return (
    Math.min(millions, tierMillions) * perMillion + Math.max(0, millions - tierMillions) * perMillionAbove
  );
}

function ingest({ requests, batch }: Traffic, { ingest: { memoryMb, provisioned } }: Capacity): number {
  const { base, perEvent } = assumptions.ingestMs;
  const used = requests * ((base + perEvent * batch) / 1000) * gbSeconds(memoryMb);
  const warm = provisioned * gbSeconds(memoryMb) * secondsPerMonth;
  // What runs on warm environments is cheaper; above their number the ordinary price holds.
  const onWarm = Math.min(used, warm);
  const { perGbSecond, provisionedPerGbSecond, provisionedDurationPerGbSecond } = prices.lambda;
  return (
    invocations(requests) +
    warm * provisionedPerGbSecond +
    onWarm * provisionedDurationPerGbSecond +
    (used - onWarm) * perGbSecond
  );
}

function consumer(
  { logBytes }: Traffic,
  { log: { partitions, pollersMin }, consumerMemoryMb }: Capacity,
): number {
  const { invocationsPerSecondPerPartition, ms } = assumptions.consumer;
  const count = invocationsPerSecondPerPartition * partitions * secondsPerMonth;
  const { perGbSecond, pollersPerUnit, mbPerSecondPerUnit, pollerUnitPerHour } = prices.lambda;
  const mbPerSecond = logBytes / secondsPerMonth / 1e6;
  const units = Math.max(Math.ceil(pollersMin / pollersPerUnit), Math.ceil(mbPerSecond / mbPerSecondPerUnit));
  const duration = count * (ms / 1000) * gbSeconds(consumerMemoryMb) * perGbSecond;
  return invocations(count) + duration + units * pollerUnitPerHour * hoursPerMonth;
}

function log({ logBytes }: Traffic, { log: { brokerType, brokers } }: Capacity): number {
  const kept = (logBytes / gib) * ((assumptions.retentionDays * 24) / hoursPerMonth);
  const { brokerPerHour, dataInPerGb, storagePerGbMonth } = prices.msk;
  return (
    brokers * hourly(brokerPerHour, brokerType) + (logBytes / gib) * dataInPerGb + kept * storagePerGbMonth
  );
}

function observation({ requests }: Traffic): number {
  const { metrics, alarms, accessLogBytesPerRequest } = assumptions;
  const { logsPerGb, metricPerMonth, alarmPerMonth, dashboardPerMonth } = prices;
  const access = ((requests * accessLogBytesPerRequest) / gib) * logsPerGb;
  return access + metrics * metricPerMonth + alarms * alarmPerMonth + dashboardPerMonth;
}

function bytesKept(eventsPerMonth: number): number {
  const perDay = (eventsPerMonth / hoursPerMonth) * 24;
  return perDay * assumptions.rowDaysKept * assumptions.shardBytesPerEvent;
}

function invocations(count: number): number {
  return (count / 1e6) * prices.lambda.perMillionRequests;
}

function gbSeconds(memoryMb: number): number {
  return memoryMb / 1024;
}

/** A month of one instance. */
function hourly(table: Readonly<Record<string, number>>, type: string): number {
  const perHour = table[type];
  if (perHour === undefined) throw new Error(`the price table has no ${type}`);
  return perHour * hoursPerMonth;
}
