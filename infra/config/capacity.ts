/** What an installation is sized for. The arithmetic behind the numbers: infra/README.md, "Sizing". */
import { usageTopic } from '../../shared/contracts/topic.ts';
import { shardCount } from '../../shared/limits.ts';

export interface Capacity {
  readonly eventsPerMinute: number;
  readonly log: LogCapacity;
  readonly cacheNodeType: string;
  /** Instance class of each shard's writer and reader, without `db.`. */
  readonly shardInstance: string;
  readonly ingest: {
    readonly memoryMb: number;
    /** Environments kept warm on the alias; 0 keeps none. */
    readonly provisioned: number;
    /** Each environment holds one connection to each broker, which takes 3,000; the account's share ends here. */
    readonly concurrencyMax: number;
  };
  readonly consumerMemoryMb: number;
  readonly flusherMemoryMb: number;
  readonly api: { readonly requestsPerSecond: number; readonly burst: number };
}

interface LogCapacity {
  readonly brokerType: string;
  /** A multiple of the three zones. */
  readonly brokers: number;
  /** Part of the route map and no tuning value: another number moves organizations (U9). */
  readonly partitions: number;
  /** Event pollers of the event source mapping; a partition is read by one at a time. */
  readonly pollersMin: number;
  readonly pollersMax: number;
}

/** The most that reads may take: each environment keeps a connection to each shard, whose memory is the rows'. */
export const readConcurrency = { query: 100, metrics: 5, credentials: 50, keys: 5 } as const;

/** What the functions of a profile take out of the account's concurrency, used or not. */
export function reservedConcurrency({ ingest, log }: Capacity): number {
  const reads = Object.values(readConcurrency).reduce((sum, count) => sum + count, 0);
  return ingest.concurrencyMax + log.partitions + shardCount + reads;
}

const partitions: number = usageTopic.partitions;

export const capacities = {
  /** The local twin and the emulator. */
  none: {
    eventsPerMinute: 100_000,
    log: { brokerType: 'express.m7g.large', brokers: 3, partitions, pollersMin: 1, pollersMax: 2 },
    cacheNodeType: 'cache.t4g.medium',
    shardInstance: 'r8g.large',
    ingest: { memoryMb: 512, provisioned: 0, concurrencyMax: 20 },
    consumerMemoryMb: 512,
    flusherMemoryMb: 512,
    api: { requestsPerSecond: 1_000, burst: 1_000 },
  },
  '1.2M': {
    eventsPerMinute: 1_200_000,
    log: { brokerType: 'express.m7g.large', brokers: 3, partitions, pollersMin: 2, pollersMax: 10 },
    cacheNodeType: 'cache.r7g.large',
    shardInstance: 'r8g.large',
    ingest: { memoryMb: 1_769, provisioned: 20, concurrencyMax: 200 },
    consumerMemoryMb: 1_769,
    flusherMemoryMb: 2_048,
    api: { requestsPerSecond: 2_000, burst: 2_000 },
  },
  '5M': {
    eventsPerMinute: 5_000_000,
    log: { brokerType: 'express.m7g.xlarge', brokers: 3, partitions, pollersMin: 4, pollersMax: 20 },
    cacheNodeType: 'cache.r7g.xlarge',
    shardInstance: 'r8g.xlarge',
    ingest: { memoryMb: 1_769, provisioned: 40, concurrencyMax: 400 },
    consumerMemoryMb: 1_769,
    flusherMemoryMb: 2_048,
    api: { requestsPerSecond: 5_000, burst: 5_000 },
  },
  '10M': {
    eventsPerMinute: 10_000_000,
    log: { brokerType: 'express.m7g.2xlarge', brokers: 3, partitions, pollersMin: 8, pollersMax: 20 },
    cacheNodeType: 'cache.r7g.2xlarge',
    shardInstance: 'r8g.2xlarge',
    ingest: { memoryMb: 1_769, provisioned: 80, concurrencyMax: 800 },
    consumerMemoryMb: 3_538,
    flusherMemoryMb: 2_048,
    api: { requestsPerSecond: 10_000, burst: 5_000 },
  },
} as const satisfies Record<string, Capacity>;

/** What clients are asked to put into a request at least; a profile must not need more. */
const batchAsked = 25;

/** The smallest average batch that the throttle lets through at this load. Smaller ones are answered 429 in part. */
export function batchMin(eventsPerMinute: number, { api }: Pick<Capacity, 'api'>): number {
  return Math.ceil(eventsPerMinute / 60 / api.requestsPerSecond);
}

/** Throws for a profile that would lose order, reach or sleep; called for every stage that is synthesized. */
export function assertCapacity(capacity: Capacity): void {
  const { eventsPerMinute, log, ingest, api } = capacity;
  const batch = batchMin(eventsPerMinute, capacity);
  const checks: readonly (readonly [boolean, string])[] = [
    [
      log.partitions % shardCount === 0,
      'partitions must be a multiple of the shards: a partition has one home',
    ],
    [log.partitions === partitions, 'partitions must be the contract’s: the functions route by it'],
    [log.brokers % 3 === 0, 'brokers must be a multiple of the three zones'],
    [log.pollersMin >= 1 && log.pollersMin <= log.pollersMax, 'pollers must have a range'],
    [log.pollersMax <= log.partitions, 'a poller without a partition is paid for and idle'],
    [ingest.provisioned <= ingest.concurrencyMax, 'warm environments count as concurrency'],
    [ingest.concurrencyMax <= 3_000, 'a broker takes 3,000 connections by IAM'],
    [
      batch <= batchAsked,
      `its throttle needs ${batch} events a request, and clients are asked for ${batchAsked}`,
    ],
    [api.burst <= 5_000, 'the account’s burst cannot be raised above 5,000'],
  ];
  for (const [holds, message] of checks) if (!holds) throw new Error(message);
}
