/** Lambda `metrics`: how the whole pipeline does, as JSON and for Prometheus. */

import { usageTopic } from '../../shared/contracts/topic.ts';
import { httpEntry } from '../../shared/http/entry.ts';
import { problem } from '../../shared/http/problem.ts';
import {
  createHttpHandler,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
} from '../../shared/http/stack.ts';
import { createFiguresReader } from '../../shared/ledger/postgres/figures-reader.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
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

async function start({ load, keep, onRefused, logger }: FunctionStart): Promise<HttpHandler> {
  const { log, redis, shardUrls: urls } = await load(metricsConfig);
  return build({
    shards: keep(createFiguresReader({ urls, logger, onRefused })),
    log: keep(createLogReader({ ...log, security: iamSecurity(log.iamRegion) })),
    segments: keep(createSegmentStore({ ...redis, onRefused })),
    clock: systemClock,
    logger,
    partitions: usageTopic.partitions,
  });
}

/** AWS Lambda entry: the routes of the contracts that name `metrics`. */
export const handler = httpEntry(functionStart('metrics', start));
