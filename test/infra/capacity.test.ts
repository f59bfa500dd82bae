/** What saturates, is refused, or is paid for and idle under the load that a profile is named after. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  assertCapacity,
  batchMin,
  type Capacity,
  capacities,
  reservedConcurrency,
} from '../../infra/config/capacity.ts';
import { production } from '../../infra/config/production.ts';
import { organizationCeiling } from '../../infra/cost/ceiling.ts';
import { methodsOf, routes } from '../../shared/contracts/routes.ts';
import { flusherBudgetMs, shardCount } from '../../shared/limits.ts';
import { propertiesOf, templateOf } from './synthesize.ts';

const named: readonly (readonly [string, Capacity])[] = (['1.2M', '5M', '10M'] as const).map((name) => [
  name,
  capacities[name],
]);
const guide = readFileSync(join(import.meta.dirname, '../../infra/README.md'), 'utf8');
const app = () => templateOf(production, 'App');
const alarms = () => propertiesOf(templateOf(production, 'Monitoring'), 'AWS::CloudWatch::Alarm');

describe('the smallest batch that fits the throttle', () => {
  it('is 10, 17 and 17 events a request', () => {
    expect(named.map(([, capacity]) => batchMin(capacity.eventsPerMinute, capacity))).toEqual([10, 17, 17]);
  });

  it('is refused where it is above what clients are asked for', () => {
    const capacity = capacities['1.2M'];
    const narrow = { ...capacity, api: { ...capacity.api, requestsPerSecond: 799 } };
    expect(() => assertCapacity(narrow)).toThrow(/26 events a request/);
    expect(() => assertCapacity(capacity)).not.toThrow();
  });
});

describe('concurrency', () => {
  it('is reserved for whatever sends, counts or reads, and adds up to what preflight asks for', () => {
    const reserved = propertiesOf(app(), 'AWS::Lambda::Function').flatMap(
      ({ ReservedConcurrentExecutions }) =>
        ReservedConcurrentExecutions === undefined ? [] : [Number(ReservedConcurrentExecutions)],
    );
    expect(reserved.sort((a, b) => a - b)).toEqual([4, 5, 5, 20, 50, 100, 200]);
    expect(reserved.reduce((sum, one) => sum + one, 0)).toBe(reservedConcurrency(production.capacity));
  });

  it('of routes that anybody may call, or that ask every server, is throttled below that of the stage', () => {
    const [stage] = propertiesOf(app(), 'AWS::ApiGatewayV2::Stage');
    const settings = stage?.['RouteSettings'] as Record<
      string,
      { ThrottlingRateLimit: number; DetailedMetricsEnabled: boolean }
    >;
    expect(Object.keys(settings).sort()).toEqual(
      routes
        .filter((route) => route.function !== 'ingest')
        .flatMap((route) => methodsOf(route).map((method) => `${method} ${route.path}`))
        .sort(),
    );
    expect(settings['GET /ready']?.ThrottlingRateLimit).toBe(20);
    expect(settings['GET /metrics']?.ThrottlingRateLimit).toBe(5);
    // Settings of a route replace those of the stage.
    for (const one of Object.values(settings)) expect(one.DetailedMetricsEnabled).toBe(true);
    const [made] = Object.values(app().findResources('AWS::ApiGatewayV2::Stage'));
    const after = app().findResources('AWS::ApiGatewayV2::Route');
    expect(Object.keys(after).filter((id) => !made?.['DependsOn'].includes(id))).toEqual([]);
  });
});

describe('the flusher', () => {
  it('is started for each shard by a schedule of its own, and may run once for each', () => {
    const inputs = propertiesOf(app(), 'AWS::Scheduler::Schedule').map(
      ({ Target }) => (Target as { Input?: string }).Input,
    );
    const ofShards = Array.from({ length: shardCount }, (_, shard) => `{"shards":[${shard}]}`);
    expect(inputs.sort()).toEqual(['{"compare":true}', ...ofShards]);
  });

  it('ends before the next tick, with a pass to spare', () => {
    expect(flusherBudgetMs).toBeLessThanOrEqual(55_000);
  });
});

describe('the ceiling of one organization', () => {
  it('is what one poller carries, and the guide says so', () => {
    expect(Math.round(organizationCeiling().eventsPerMinute)).toBe(1_200_000);
    expect(guide).toContain('| one organization | 1,200,000 events a minute | 1,200,000 | 1,200,000 |');
    expect(guide).toContain('| smallest average batch | 10 | 17 | 17 |');
  });
});

describe('alarms', () => {
  it.each([
    ['shard-memory', 'BufferCacheHitRatio', 4],
    ['shard-memory', 'FreeableMemory', 4],
    ['broker-health', 'CpuUser', 3],
    ['broker-health', 'ConnectionCount', 3],
    ['broker-health', 'ActiveControllerCount', 1],
    ['pollers-missing', 'ProvisionedPollers', 1],
    ['api-throttled', 'Throttled-production', 1],
  ])('%s: %s is watched, by %i', (section, metric, count) => {
    const ringing = alarms().filter(
      (alarm) =>
        String(alarm['AlarmDescription']).endsWith(`#${section}`) &&
        JSON.stringify(alarm).includes(`"MetricName":"${metric}"`),
    );
    expect(ringing).toHaveLength(count);
  });
});
