/** Lambda `metrics`: how the whole pipeline does, as JSON and for Prometheus. */
import type { Context } from 'aws-lambda';
import { iamSecurity } from '../../shared/adapters/kafka/iam-security.ts';
import { createLogReader } from '../../shared/adapters/kafka/log-reader.ts';
import { createFiguresReader } from '../../shared/adapters/postgres/figures-reader.ts';
import { createSegmentStore } from '../../shared/adapters/redis/segment-store.ts';
import { createSecrets } from '../../shared/adapters/secrets/secrets.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { processEnvironment } from '../../shared/runtime/environment.ts';
import { problem } from '../../shared/runtime/http/problem.ts';
import {
  createHttpHandler,
  type HttpAnswer,
  type HttpEvent,
  type HttpHandler,
  type HttpRequest,
  type HttpResult,
} from '../../shared/runtime/http/stack.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { once } from '../../shared/runtime/once.ts';
import { metricsConfig } from './config.ts';
import { type MeasurePorts, measurePipeline } from './measure-pipeline.ts';
import { toHttpMetrics } from './to-http-metrics.ts';
import { toPrometheusText } from './to-prometheus-text.ts';

const prometheusRoute = 'GET /metrics';

/** The handler of both routes over the given ports. */
export function build(ports: MeasurePorts): HttpHandler {
  return createHttpHandler({ logger: ports.logger, respond: (request) => respond(ports, request) });
}

async function respond(ports: MeasurePorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  const outcome = await measurePipeline(caller, ports);
  if (outcome.kind === 'forbidden')
    return { problem: problem(403, 'scope_required', 'The caller needs the scope admin.') };
  return event.routeKey === prometheusRoute
    ? toPrometheusText(outcome.measure)
    : toHttpMetrics(outcome.measure);
}

const start = once(async () => {
  const environment = processEnvironment();
  const logger = createLogger('metrics', environment);
  const secrets = createSecrets(environment);
  const { log, redis, shardUrls, partitions } = await loadConfig(metricsConfig, environment, secrets);
  return build({
    shards: createFiguresReader({ urls: shardUrls, logger }),
    log: createLogReader({ ...log, security: iamSecurity(log.iamRegion) }),
    segments: createSegmentStore(redis),
    clock: systemClock,
    logger,
    partitions,
  });
});

/** The Lambda entry point; its clients are made at the first invocation and kept. */
export async function handler(event: HttpEvent, context: Context): Promise<HttpResult> {
  const handle = await start();
  return handle(event, context);
}
