/** Lambda `ingest`: usage events over HTTP, answered when they are durable in the log. */
import { randomBytes, randomUUID } from 'node:crypto';
import { quotaOf, type RequestQuota } from '../../shared/callers/request-quota.ts';
import { otlpOrganizationDefault } from '../../shared/contracts/otlp.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { failure } from '../../shared/errors.ts';
import { httpEntry } from '../../shared/http/entry.ts';
import { problem } from '../../shared/http/problem.ts';
import {
  createHttpHandler,
  type HttpAnswer,
  type HttpEvent,
  type HttpHandler,
  type HttpRequest,
} from '../../shared/http/stack.ts';
import { acceptWaitMsMax, answerReserveMs } from '../../shared/limits.ts';
import type { EventLogWriter } from '../../shared/log/event-log.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogWriter } from '../../shared/log/kafka/log-writer.ts';
import { Receipts } from '../../shared/log/receipt.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import {
  type FunctionStart,
  functionStart,
  startedAhead,
} from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createRequestCounter } from '../../shared/segments/redis/request-counter.ts';
import { type AcceptOutcome, type AcceptPorts, acceptEvents } from './accept-events.ts';
import { type IngestConfig, ingestConfig } from './config.ts';
import { fromHttpAtomic } from './from-http-atomic.ts';
import { fromHttpCloudEvents } from './from-http-cloud-events.ts';
import { type EventsReading, fromHttpBatch, fromHttpEvent, fromHttpKeyPrefix } from './from-http-events.ts';
import { fromHttpOtlp } from './from-http-otlp.ts';
import { GroupCommit } from './group-commit.ts';
import { createPropertiesDigest, PropertySealer } from './seal-properties.ts';
import { toHttpBatch, toHttpCloudEvents, toHttpMade, toHttpOtlp, toHttpSingle } from './to-http-outcome.ts';

export interface IngestPorts {
  readonly log: EventLogWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Without it requests are not counted. */
  readonly quota?: RequestQuota | undefined;
}

const producerIdBytes = 16;

/** What the handler itself is set by; the rest of the configuration is for its clients. */
export type IngestSettings = Pick<
  IngestConfig,
  'encryptionKey' | 'generation' | 'lingerMs' | 'envelopeVersion'
> &
  Partial<Pick<IngestConfig, 'otlpOrganization'>>;

/** The handler of all routes over the given ports. */
export function build(settings: IngestSettings, given: IngestPorts): HttpHandler {
  const { log, clock, logger, metrics, quota } = given;
  const producerId = randomBytes(producerIdBytes);
  const { encryptionKey, generation, lingerMs, envelopeVersion } = settings;
  const { otlpOrganization = otlpOrganizationDefault } = settings;
  const { partitions } = usageTopic;
  const sealer = new PropertySealer(encryptionKey, producerId);
  const receipts = new Receipts(encryptionKey);
  const group = new GroupCommit({
    log,
    clock,
    sealer,
    producerId,
    partitions,
    generation,
    receipts,
    lingerMs,
    envelopeVersion,
  });
  const ports: AcceptPorts = {
    clock,
    commit: (events, deadlineMs) => group.submit(events, deadlineMs),
    makeKey: randomUUID,
    digestProperties: createPropertiesDigest(encryptionKey),
    carriesDimensions: envelopeVersion > 1,
  };
  const routes = routesOf(otlpOrganization);
  const respondTo = (request: HttpRequest) => {
    const route = routes[request.event.routeKey] ?? usageEvent;
    return respond({ ports, metrics, route }, request);
  };
  return createHttpHandler({ logger, quota, respond: respondTo });
}

/** How one route reads its requests and answers them. */
interface IngestRoute {
  readonly read: (event: HttpEvent) => EventsReading;
  /** Whether one event that is not accepted refuses all of them. */
  readonly isAtomic: typeof fromHttpAtomic;
  readonly answer: (outcome: AcceptOutcome, event: HttpEvent) => HttpAnswer;
  /** Dimensions are what we take for such: while envelopes carry none, the events are accepted without. */
  readonly mayLeaveDimensions?: true;
}

const always =
  (value: boolean): IngestRoute['isAtomic'] =>
  () => ({ ok: true, value });
const usageEvent: IngestRoute = { read: fromHttpEvent, isAtomic: always(false), answer: toHttpSingle };

function routesOf(otlpOrganization: readonly string[]): Readonly<Record<string, IngestRoute>> {
  return {
    'POST /api/v1/usage/events/batch': { read: fromHttpBatch, isAtomic: fromHttpAtomic, answer: toHttpBatch },
    // A client of CloudEvents looks at the status alone.
    'POST /api/v1/events': {
      read: fromHttpCloudEvents,
      isAtomic: always(true),
      answer: toHttpCloudEvents,
      mayLeaveDimensions: true,
    },
    'POST /v1/metrics': {
      read: (event) => fromHttpOtlp(event, otlpOrganization),
      isAtomic: always(false),
      answer: toHttpOtlp,
    },
  };
}

interface Responding {
  readonly ports: AcceptPorts;
  readonly metrics: Metrics;
  readonly route: IngestRoute;
}

async function respond({ ports, metrics, route }: Responding, request: HttpRequest): Promise<HttpAnswer> {
  const { event, caller } = request;
  if (!caller.scopes.has('ingest')) {
    return { problem: problem(403, 'scope_required', 'The caller needs the scope ingest.') };
  }
  const reading = route.read(event);
  if (!reading.ok) return { problem: reading.problem };
  const atomic = route.isAtomic(event);
  if (!atomic.ok) return { problem: atomic.problem };
  const prefix = fromHttpKeyPrefix(event);
  if (!prefix.ok) return { problem: prefix.problem };
  const waitMs = Math.min(acceptWaitMsMax, request.remainingMs() - answerReserveMs);
  const outcome = await acceptEvents(ports, {
    caller,
    items: reading.items,
    keyPrefix: prefix.value,
    atomic: atomic.value,
    mayLeaveDimensions: route.mayLeaveDimensions ?? false,
    onMade: (made) => request.keepForFailure(toHttpMade(made)),
    waitMs,
  });
  metrics.ingested(countsOf(outcome));
  if (outcome.kind === 'unavailable' && outcome.error.code !== 'overloaded') {
    request.logger.warn(failure(outcome.error), 'events were not acknowledged');
  }
  return route.answer(outcome, event);
}

function countsOf(outcome: AcceptOutcome): Parameters<Metrics['ingested']>[0] {
  switch (outcome.kind) {
    case 'accepted':
      return { accepted: outcome.accepted, rejected: outcome.rejected.length, overloaded: 0 };
    case 'rejected':
      return { accepted: 0, rejected: outcome.rejected.length, overloaded: 0 };
    case 'unavailable':
      return { accepted: 0, rejected: 0, overloaded: outcome.error.code === 'overloaded' ? 1 : 0 };
  }
}

async function start({ ahead, load, keep, onRefused, logger, metrics }: FunctionStart): Promise<HttpHandler> {
  const config = await load(ingestConfig);
  const log = keep(createLogWriter({ ...config.log, security: iamSecurity(config.log.iamRegion) }));
  if (ahead) await log.connect();
  const quota = quotaOf(config.quota, {
    metrics,
    connect: (location) => keep(createRequestCounter({ ...location, onRefused })),
  });
  return build(config, { log, clock: systemClock, logger, metrics, quota });
}

/** AWS Lambda entry: the routes of the contracts that name `ingest`. */
export const handler = httpEntry(await startedAhead(functionStart('ingest', start)));
