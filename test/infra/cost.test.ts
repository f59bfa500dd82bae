import { describe, expect, it } from 'vitest';
import { capacities } from '../../infra/config/capacity.ts';
import { production } from '../../infra/config/production.ts';
import { assumptions } from '../../infra/cost/assumptions.ts';
import { estimate } from '../../infra/cost/estimate.ts';
import table from '../../infra/cost/prices.json' with { type: 'json' };
import { pricesOf } from '../../infra/cost/prices.ts';
import { functionMetrics } from '../../shared/contracts/metrics.ts';
import { shardCount } from '../../shared/limits.ts';
import { propertiesOf, templateOf } from './synthesize.ts';

const region = 'us-east-1';
const { prices } = pricesOf(region);

describe('the estimate', () => {
  it('adds up, and a million events cost what the month divided by its events says', () => {
    const found = estimate({ eventsPerMinute: 1_200_000, batch: 100, region });
    expect(found.eventsPerMonth).toBeCloseTo(52.56e9, -3);
    expect(found.requestsPerSecond).toBeCloseTo(200);
    const sum = Object.values(found.services).reduce((total, cost) => total + cost, 0);
    expect(found.total).toBeCloseTo(sum);
    expect(found.perMillionEvents).toBeCloseTo((sum / 52.56e9) * 1e6);
  });

  it('counts API Gateway by hand: 5.256 billion requests of ten events are $300 and the rest at $0.90 a million', () => {
    const { services } = estimate({ eventsPerMinute: 1_200_000, batch: 10, region });
    expect(services['API Gateway']).toBeCloseTo(300 + (5_256 - 300) * 0.9);
  });

  it('counts the brokers by hand: three of the profile’s type for 730 hours', () => {
    const few = estimate({ eventsPerMinute: 1, batch: 100, region });
    expect(few.services['MSK']).toBeCloseTo(3 * 0.408 * 730, 0);
  });

  it('single-event requests cost about twice what batches do, even at a tenth of the load', () => {
    const [single, batched] = [1, 100].map(
      (batch) => estimate({ eventsPerMinute: 120_000, batch, region }).total,
    );
    expect((single ?? 0) / (batched ?? 1)).toBeGreaterThan(1.8);
  });

  it('refuses batches of which the profile would answer a part 429', () => {
    expect(() => estimate({ eventsPerMinute: 1_200_000, batch: 9, region })).toThrow(/at least 10/);
    expect(() => estimate({ eventsPerMinute: 1_200_000, batch: 10, region })).not.toThrow();
  });

  it('counts every leg between zones by hand: to and from the log, and three of the segment', () => {
    const { services } = estimate({ eventsPerMinute: 1_200_000, batch: 100, region });
    const bytes = 52.56e9 * (2 * 250 + 3 * 230);
    expect(services['Transfer between zones']).toBeCloseTo((bytes / 1024 ** 3) * (2 / 3) * 0.02, 0);
  });

  it('counts the secrets that are read again each minute', () => {
    const { services } = estimate({ eventsPerMinute: 1, batch: 100, region });
    const fixed =
      assumptions.zones * prices.endpointPerZoneHour * 730 +
      assumptions.secrets * prices.secretPerMonth +
      assumptions.keys * prices.keyPerMonth;
    expect(services['Network, keys, secrets']).toBeCloseTo(fixed + ((60 * 60 * 730) / 1e6) * 8);
  });

  it('multiplies the prices of a region that were not read, and no count among them', () => {
    const load = { eventsPerMinute: 1_200_000, batch: 100 };
    const [read, assumed] = ['us-east-1', 'eu-central-1'].map(
      (one) => estimate({ ...load, region: one }).total,
    );
    expect((assumed ?? 0) / (read ?? 1)).toBeCloseTo(1.18);
    expect(pricesOf('eu-central-1').prices.httpApi.meteredKib).toBe(prices.httpApi.meteredKib);
    expect(() => pricesOf('mars-1')).toThrow(/no prices of mars-1/);
  });

  it('picks the smallest profile that carries the load', () => {
    const profiles = [1_200_000, 1_200_001, 5_000_000, 9_000_000].map(
      (n) => estimate({ eventsPerMinute: n, batch: 100, region }).profile,
    );
    expect(profiles).toEqual(['1.2M', '5M', '5M', '10M']);
  });

  it('counts the metrics that are emitted and the ones that alarms watch', () => {
    const { ingest, consumer, query, flusher } = functionMetrics;
    const [once, each] = [{ ...ingest, ...consumer, ...query }, flusher].map(
      (metrics) => Object.keys(metrics).length,
    );
    // The flusher emits each metric for the function and for every shard.
    expect(assumptions.metrics).toBe((once ?? 0) + (each ?? 0) * (1 + shardCount));
    const alarms = propertiesOf(templateOf(production, 'Monitoring'), 'AWS::CloudWatch::Alarm');
    const watched = alarms.map(
      ({ Metrics }) => JSON.stringify(Metrics ?? 'MetricStat').split('MetricStat').length - 1,
    );
    expect(assumptions.alarms).toBe(watched.reduce((sum, count) => sum + count, 0));
  });

  it('has a source and its date for every price, or says what was assumed', () => {
    const { usEast1, sources } = table;
    const leaves = (value: object, path: string): readonly string[] =>
      Object.entries<unknown>({ ...value }).flatMap(([key, one]) =>
        typeof one === 'object' && one !== null ? leaves(one, `${path}${key}.`) : [`${path}${key}`],
      );
    const named = Object.keys(sources);
    const prices = leaves(usEast1, '');
    expect(prices.length).toBeGreaterThan(25);
    expect(prices.filter((price) => !named.some((item) => `${price}.`.startsWith(`${item}.`)))).toEqual([]);
    for (const source of Object.values(sources))
      expect('assumed' in source ? source.assumed : `${source.source} ${source.date}`).toMatch(
        /memory|x cache|20\d\d/,
      );
  });

  it('has a price for every type of every profile', () => {
    for (const { cacheNodeType, shardInstance, log } of Object.values(capacities)) {
      expect(prices.cachePerHour).toHaveProperty([cacheNodeType]);
      expect(prices.aurora.instancePerHour).toHaveProperty([shardInstance]);
      expect(prices.msk.brokerPerHour).toHaveProperty([log.brokerType]);
    }
  });
});
