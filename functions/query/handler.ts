/** Lambda `query`: committed totals, liveness and readiness over HTTP. */

import { quotaOf, type RequestQuota } from '../../shared/callers/request-quota.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { httpEntry } from '../../shared/http/entry.ts';
import { problem } from '../../shared/http/problem.ts';
import {
  createHttpHandler,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
} from '../../shared/http/stack.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import type { SummaryReader } from '../../shared/ledger/summary.ts';
import type { EventLogReader } from '../../shared/log/event-log.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createRequestCounter } from '../../shared/segments/redis/request-counter.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import type { SegmentStore } from '../../shared/segments/segment-store.ts';
import { createReadiness, type Dependency, type DependencyState } from './check-readiness.ts';
import { queryConfig } from './config.ts';
import { fromHttpSummary, toHttpSummary } from './from-http-summary.ts';
import { summarizeUsage } from './summarize-usage.ts';

/** Only what is used of the ports: readiness asks the log and the segments, nothing else touches them. */
export interface QueryPorts {
  readonly summaries: Pick<SummaryReader, 'summarize' | 'ping'>;
  readonly log: Pick<EventLogReader, 'bounds'>;
  readonly segments: Pick<SegmentStore, 'assertNothingEvicted'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
  /** Without it requests are not counted. */
  readonly quota?: RequestQuota | undefined;
}

const healthRoute = 'GET /health';
const readyRoute = 'GET /ready';
const summaryRoute = 'GET /api/v1/usage/summary/{organization}';

/** The handler of all routes over the given ports. */
export function build(ports: QueryPorts): HttpHandler {
  const { summaries, log, segments, clock, logger, quota } = ports;
  const dependencies: readonly Dependency[] = [
    { name: 'kafka', check: () => log.bounds() },
    { name: 'redis', check: () => segments.assertNothingEvicted() },
    { name: 'postgres', check: () => summaries.ping() },
  ];
  const states = createReadiness(dependencies, clock);
  const answers: Readonly<Record<string, (request: HttpRequest) => Promise<HttpAnswer>>> = {
    [healthRoute]: async () => ({ status: 200, body: { status: 'ok' } }),
    [readyRoute]: async () => readiness(await states()),
    [summaryRoute]: (request) => summary(ports, request),
  };
  const unknown = async (): Promise<HttpAnswer> => ({
    problem: problem(404, 'not_found', 'This address does not exist.'),
  });
  return createHttpHandler({
    logger,
    quota,
    publicRoutes: new Set([healthRoute, readyRoute]),
    respond: (request) => (answers[request.event.routeKey] ?? unknown)(request),
  });
}

async function summary({ summaries }: QueryPorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  const reading = fromHttpSummary(event);
  if (!reading.ok) return { problem: reading.problem };
  return toHttpSummary(await summarizeUsage(summaries, caller, reading.request));
}

function readiness(found: readonly DependencyState[]): HttpAnswer {
  const states = Object.fromEntries(found.map(({ name, state }) => [name, state]));
  if (found.every(({ state }) => state === 'ok')) {
    return { status: 200, body: { status: 'ready', dependencies: states } };
  }
  const members = { dependencies: states };
  return {
    problem: problem(503, 'not_ready', 'A dependency does not answer.', { retryAfterSeconds: 1, members }),
  };
}

async function start({ load, keep, onRefused, logger, metrics }: FunctionStart): Promise<HttpHandler> {
  const { log, redis, quota, shardUrls: urls } = await load(queryConfig);
  const { partitions } = usageTopic;
  return build({
    summaries: keep(createSummaryReader({ urls, partitions, logger, onRefused })),
    log: keep(createLogReader({ ...log, security: iamSecurity(log.iamRegion) })),
    segments: keep(createSegmentStore({ ...redis, onRefused })),
    clock: systemClock,
    logger,
    quota: quotaOf(quota, {
      metrics,
      connect: (location) => keep(createRequestCounter({ ...location, onRefused })),
    }),
  });
}

/** AWS Lambda entry: the routes of the contracts that name `query`. */
export const handler = httpEntry(functionStart('query', start));
