/** The quotas of an account and region that an installation needs, and what a new account has of them. */
import { shardCount } from '../../shared/limits.ts';
import { type Capacity, reservedConcurrency } from '../config/capacity.ts';

/** One quota, as Service Quotas names it. */
interface Quota {
  readonly service: string;
  readonly code: string;
  readonly what: string;
  /** What a new account starts with. */
  readonly atFirst: number;
  readonly needed: (capacity: Capacity) => number;
}

/** Lambda refuses reservations that leave less than this to functions without one. */
const unreservedConcurrencyMin = 100;

const quotas: readonly Quota[] = [
  {
    service: 'lambda',
    code: 'L-B99A9384',
    what: 'Lambda: concurrent executions',
    atFirst: 10,
    needed: (capacity) => reservedConcurrency(capacity) + unreservedConcurrencyMin,
  },
  {
    service: 'apigateway',
    code: 'L-8A5B8E43',
    what: 'API Gateway: requests a second',
    atFirst: 10_000,
    needed: ({ api }) => api.requestsPerSecond,
  },
  {
    service: 'apigateway',
    code: 'L-CDF5615A',
    what: 'API Gateway: burst of requests',
    atFirst: 5_000,
    needed: ({ api }) => api.burst,
  },
  {
    service: 'kafka',
    code: 'L-EDD31C36',
    what: 'MSK: brokers',
    atFirst: 90,
    needed: ({ log }) => log.brokers,
  },
  {
    service: 'rds',
    code: 'L-952B80B8',
    what: 'Aurora: clusters',
    atFirst: 40,
    needed: () => shardCount,
  },
  {
    service: 'rds',
    code: 'L-7B6409FD',
    what: 'Aurora: instances',
    atFirst: 40,
    needed: () => 2 * shardCount,
  },
];

/** A quota beside what is needed of it; `value` null where the account was not asked. */
export interface QuotaReading {
  readonly what: string;
  readonly service: string;
  readonly code: string;
  readonly atFirst: number;
  readonly needed: number;
  readonly value: number | null;
}

/** What an account has of a quota, in whatever way it is asked. */
export type ReadQuota = (quota: Pick<Quota, 'service' | 'code'>) => Promise<number>;

export function neededQuotas(capacity: Capacity): readonly QuotaReading[] {
  return quotas.map(({ needed, ...quota }) => ({ ...quota, needed: needed(capacity), value: null }));
}

export function readQuotas(capacity: Capacity, read: ReadQuota): Promise<readonly QuotaReading[]> {
  return Promise.all(neededQuotas(capacity).map(async (quota) => ({ ...quota, value: await read(quota) })));
}

/** Those that would make the deployment fail. */
export function tooSmall(readings: readonly QuotaReading[]): readonly QuotaReading[] {
  return readings.filter(({ value, needed }) => value !== null && value < needed);
}
