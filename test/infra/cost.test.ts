import { describe, expect, it } from 'vitest';
import { capacities } from '../../infra/config/capacity.ts';
import { production } from '../../infra/config/production.ts';
import { assumptions } from '../../infra/cost/assumptions.ts';
import { estimate } from '../../infra/cost/estimate.ts';
import prices from '../../infra/cost/prices.json' with { type: 'json' };
import { functionMetrics } from '../../shared/contracts/metrics.ts';
import { shardCount } from '../../shared/limits.ts';
import { propertiesOf, templateOf } from './synthesize.ts';

describe('the estimate', () => {
  it('adds up, and a million events cost what the month divided by its events says', () => {
    const found = estimate({ eventsPerMinute: 1_200_000, batch: 100 });
    expect(found.eventsPerMonth).toBeCloseTo(52.56e9, -3);
    expect(found.requestsPerSecond).toBeCloseTo(200);
    const sum = Object.values(found.services).reduce((total, cost) => total + cost, 0);
    expect(found.total).toBeCloseTo(sum);
    expect(found.perMillionEvents).toBeCloseTo((sum / 52.56e9) * 1e6);
  });

  it('counts API Gateway by hand: 52.56 billion single requests are $300 and the rest at $0.90 a million', () => {
    const { services } = estimate({ eventsPerMinute: 1_200_000, batch: 1 });
    expect(services['API Gateway']).toBeCloseTo(300 + (52_560 - 300) * 0.9);
  });

  it('counts the brokers by hand: three of the profile’s type for 730 hours', () => {
    const few = estimate({ eventsPerMinute: 1, batch: 100 });
    expect(few.services['MSK']).toBeCloseTo(3 * 0.408 * 730, 0);
  });

  it('single-event requests cost several times what batches do', () => {
    const [single, batched] = [1, 100].map((batch) => estimate({ eventsPerMinute: 1_200_000, batch }).total);
    expect((single ?? 0) / (batched ?? 1)).toBeGreaterThan(4);
  });

  it('picks the smallest profile that carries the load', () => {
    const profiles = [1_200_000, 1_200_001, 5_000_000, 9_000_000].map(
      (n) => estimate({ eventsPerMinute: n, batch: 100 }).profile,
    );
    expect(profiles).toEqual(['1.2M', '5M', '5M', '10M']);
  });

  it('counts the metrics that are emitted and the ones that alarms watch', () => {
    const { ingest, consumer, flusher } = functionMetrics;
    const [once, each] = [{ ...ingest, ...consumer }, flusher].map((metrics) => Object.keys(metrics).length);
    // The flusher emits each metric for the function and for every shard.
    expect(assumptions.metrics).toBe((once ?? 0) + (each ?? 0) * (1 + shardCount));
    const alarms = propertiesOf(templateOf(production, 'Monitoring'), 'AWS::CloudWatch::Alarm');
    const watched = alarms.map(
      ({ Metrics }) => JSON.stringify(Metrics ?? 'MetricStat').split('MetricStat').length - 1,
    );
    expect(assumptions.alarms).toBe(watched.reduce((sum, count) => sum + count, 0));
  });

  it('has a price for every type of every profile', () => {
    for (const { cacheNodeType, shardInstance, log } of Object.values(capacities)) {
      expect(prices.cachePerHour).toHaveProperty([cacheNodeType]);
      expect(prices.aurora.instancePerHour).toHaveProperty([shardInstance]);
      expect(prices.msk.brokerPerHour).toHaveProperty([log.brokerType]);
    }
  });
});
