/** Monthly cost of an installation by service, from its load. Pure arithmetic over the price table. */
import { shardCount } from '../../shared/limits.ts';
import { batchMin, type Capacity, capacities } from '../config/capacity.ts';
import { assumptions, logBytesPerEvent } from './assumptions.ts';
import { pricesOf } from './prices.ts';

export interface Load {
  readonly eventsPerMinute: number;
  /** Events of one request. */
  readonly batch: number;
  /** Whose prices are taken. */
  readonly region: string;
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
const minutesPerHour = 60;
const { hoursPerMonth } = assumptions;
const secondsPerMonth = hoursPerMonth * secondsPerHour;
const profileOrder = ['1.2M', '5M', '10M'] as const;

/** The smallest profile that carries the load; the largest one for more, by itself not enough above 10 million. */
function profileFor(eventsPerMinute: number): (typeof profileOrder)[number] {
  return profileOrder.find((name) => capacities[name].eventsPerMinute >= eventsPerMinute) ?? '10M';
}

/** Throws for batches so small that the profile answers a part of them 429: nobody gets what that would cost. */
export function estimate({ eventsPerMinute, batch, region }: Load): Estimate {
  const profile = profileFor(eventsPerMinute);
  const capacity: Capacity = capacities[profile];
  const smallest = batchMin(eventsPerMinute, capacity);
  if (batch < smallest)
    throw new RangeError(
      `Profile ${profile} takes ${capacity.api.requestsPerSecond} requests a second: this load needs batches of at least ${smallest}.`,
    );
  const { prices } = pricesOf(region);
  const events = (eventsPerMinute / 60) * secondsPerMonth;
  const traffic: Traffic = {
    events,
    requests: events / batch,
    batch,
    prices,
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
      (bytesBetweenServices(traffic) / gib) * assumptions.crossZoneShare * prices.transferBetweenZonesPerGb,
    'Transfer to the internet': ((traffic.requests * assumptions.answerBytes) / gib) * prices.internetPerGb,
    ElastiCache: assumptions.cacheNodes * hourly(prices.cachePerHour, capacity.cacheNodeType),
    'Aurora instances':
      2 *
      shardCount *
      hourly(prices.aurora.instancePerHour, capacity.shardInstance) *
      prices.aurora.ioOptimizedFactor,
    'Aurora storage': (bytesKept(events) / gib) * prices.aurora.storagePerGibMonth,
    'Aurora backups': (bytesKept(events) / gib) * assumptions.backupVolumes * prices.aurora.backupPerGibMonth,
    'Logs, metrics, alarms': observation(traffic, capacity),
    'Network, keys, secrets':
      assumptions.zones * prices.endpointPerZoneHour * hoursPerMonth +
      assumptions.secrets * prices.secretPerMonth +
      invocations(
        assumptions.secretReadsPerMinute * hoursPerMonth * minutesPerHour,
        prices.perMillionSecretReads,
      ) +
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
  readonly prices: ReturnType<typeof pricesOf>['prices'];
}

/** Each leg of an event: ingest to broker, broker to poller, and its segment to the cache, the flusher and the shard. */
function bytesBetweenServices({ events, logBytes }: Traffic): number {
  return 2 * logBytes + 3 * events * assumptions.segmentBytesPerEvent;
}

function httpApi({ requests, batch, prices }: Traffic): number {
  const { perMillion, perMillionAbove, tierMillions, meteredKib } = prices.httpApi;
  const meters = Math.max(1, Math.ceil((batch * assumptions.requestBytesPerEvent) / (meteredKib * 1024)));
  const millions = (requests * meters) / 1e6;
  return (
    Math.min(millions, tierMillions) * perMillion + Math.max(0, millions - tierMillions) * perMillionAbove
  );
}

function ingest(
  { requests, batch, prices }: Traffic,
  { ingest: { memoryMb, provisioned } }: Capacity,
): number {
  const { base, perEvent } = assumptions.ingestMs;
  const used = requests * ((base + perEvent * batch) / 1000) * gbSeconds(memoryMb);
  const warm = provisioned * gbSeconds(memoryMb) * secondsPerMonth;
  // What runs on warm environments is cheaper; above their number the ordinary price holds.
  const onWarm = Math.min(used, warm);
  const { perGbSecond, provisionedPerGbSecond, provisionedDurationPerGbSecond } = prices.lambda;
  return (
    invocations(requests, prices.lambda.perMillionRequests) +
    warm * provisionedPerGbSecond +
    onWarm * provisionedDurationPerGbSecond +
    (used - onWarm) * perGbSecond
  );
}

function consumer(
  { logBytes, prices }: Traffic,
  { log: { partitions, pollersMin }, consumerMemoryMb }: Capacity,
): number {
  const { invocationsPerSecondPerPartition, ms } = assumptions.consumer;
  const count = invocationsPerSecondPerPartition * partitions * secondsPerMonth;
  const { perGbSecond, pollersPerUnit, mbPerSecondPerUnit, pollerUnitPerHour } = prices.lambda;
  const mbPerSecond = logBytes / secondsPerMonth / 1e6;
  const units = Math.max(Math.ceil(pollersMin / pollersPerUnit), Math.ceil(mbPerSecond / mbPerSecondPerUnit));
  const duration = count * (ms / 1000) * gbSeconds(consumerMemoryMb) * perGbSecond;
  return (
    invocations(count, prices.lambda.perMillionRequests) +
    duration +
    units * pollerUnitPerHour * hoursPerMonth
  );
}

function log({ logBytes, prices }: Traffic, { log: { brokerType, brokers } }: Capacity): number {
  const kept = (logBytes / gib) * ((assumptions.retentionDays * 24) / hoursPerMonth);
  const { brokerPerHour, dataInPerGb, storagePerGbMonth } = prices.msk;
  return (
    brokers * hourly(brokerPerHour, brokerType) + (logBytes / gib) * dataInPerGb + kept * storagePerGbMonth
  );
}

/** A line of metrics in ten seconds from each environment that works; never more than a line a request. */
function metricLinesPerSecond(
  { requests }: Traffic,
  { ingest: { provisioned }, log: { partitions } }: Capacity,
): number {
  const ofIngest = Math.min(requests / secondsPerMonth, provisioned / assumptions.metricsIntervalSeconds);
  return ofIngest + (partitions + shardCount) / assumptions.metricsIntervalSeconds;
}

function observation(traffic: Traffic, capacity: Capacity): number {
  const { requests, prices } = traffic;
  const { metrics, alarms, accessLogBytesPerRequest, metricLineBytes } = assumptions;
  const { logsPerGb, metricPerMonth, alarmPerMonth, dashboardPerMonth } = prices;
  const access = ((requests * accessLogBytesPerRequest) / gib) * logsPerGb;
  const lines = metricLinesPerSecond(traffic, capacity) * secondsPerMonth;
  const emitted = ((lines * metricLineBytes) / gib) * logsPerGb;
  return access + emitted + metrics * metricPerMonth + alarms * alarmPerMonth + dashboardPerMonth;
}

function bytesKept(eventsPerMonth: number): number {
  const perDay = (eventsPerMonth / hoursPerMonth) * 24;
  return perDay * assumptions.rowDaysKept * assumptions.shardBytesPerEvent;
}

// Same type: a number of calls is no price, whose name says so.
function invocations(count: number, perMillion: number): number {
  return (count / 1e6) * perMillion;
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
