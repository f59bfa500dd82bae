/** What a stage may turn on, and that nothing of it is on by itself. */
import { describe, expect, it } from 'vitest';
import { local } from '../../infra/config/local.ts';
import { production } from '../../infra/config/production.ts';
import { assertStage, type Stage } from '../../infra/config/stage.ts';
import { staging } from '../../infra/config/staging.ts';
import { ports } from '../../infra/stacks/network.ts';
import { cors } from '../../shared/contracts/cors.ts';
import { propertiesOf, templateOf } from './synthesize.ts';

describe('CORS', () => {
  const corsOf = (stage: Stage) =>
    propertiesOf(templateOf(stage, 'App'), 'AWS::ApiGatewayV2::Api').map((api) => api['CorsConfiguration']);

  it('is off unless a stage names origins', () => {
    expect([corsOf(production), corsOf(staging), corsOf(local)]).toEqual([
      [undefined],
      [undefined],
      [undefined],
    ]);
  });

  it('says what the twin says, and never allows credentials', () => {
    const origins = ['https://app.example.com'];
    expect(corsOf({ ...local, corsOrigins: origins })).toEqual([
      {
        AllowOrigins: origins,
        AllowMethods: cors.methods,
        AllowHeaders: cors.requestHeaders,
        ExposeHeaders: cors.exposedHeaders,
        MaxAge: cors.maxAgeSeconds,
      },
    ]);
    const path = { ...local, corsOrigins: ['https://app.example.com/'] };
    expect(() => assertStage(path)).toThrow('an origin is');
  });
});

describe('a quota for each caller', () => {
  const limited = { ...production, callerRequestsPerSecond: 50 };
  const ingestOf = (stage: Stage) => {
    const functions = propertiesOf(templateOf(stage, 'App'), 'AWS::Lambda::Function');
    return JSON.stringify(functions.filter((one) => String(one['Description']).startsWith('Usage events')));
  };
  /** Rules by which somebody reaches the cache. */
  const reachingCache = (stage: Stage) =>
    propertiesOf(templateOf(stage, 'Network'), 'AWS::EC2::SecurityGroupIngress').filter(
      (rule) => rule['FromPort'] === ports.cache,
    ).length;

  it('is off: ingest has neither the address of the cache nor a way to it', () => {
    expect(ingestOf(production)).not.toContain('REDIS_URL');
    expect(ingestOf(production)).not.toContain('CALLER_REQUESTS_PER_SECOND');
  });

  it('gives ingest the number, the address and the way', () => {
    expect(ingestOf(limited)).toContain('"CALLER_REQUESTS_PER_SECOND":"50"');
    expect(ingestOf(limited)).toContain('secret:odometer/production/redis-url');
    expect(reachingCache(limited)).toBe(reachingCache(production) + 1);
    expect(() => assertStage({ ...production, callerRequestsPerSecond: 0 })).toThrow('a quota is');
    expect(() => assertStage({ ...production, otlpOrganization: ['tenant'] })).toThrow('a field of OTLP is');
  });
});
