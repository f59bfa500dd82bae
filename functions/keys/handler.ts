/** Lambda `keys`: makes, lists, revokes and rotates API keys over HTTP, and compares the shards' keys once a minute. */
import { randomBytes } from 'node:crypto';
import type { Context } from 'aws-lambda';
import { httpEntry } from '../../shared/http/entry.ts';
import { problem } from '../../shared/http/problem.ts';
import {
  createHttpHandler,
  type HttpAnswer,
  type HttpEvent,
  type HttpHandler,
  type HttpRequest,
  type HttpResult,
} from '../../shared/http/stack.ts';
import { createApiKeyShards } from '../../shared/ledger/postgres/api-key-shard.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { type Comparison, compareShards } from './compare-shards.ts';
import { keysConfig } from './config.ts';
import { createKey } from './create-key.ts';
import { fromHttpCreate, fromHttpKeyId, fromHttpList, fromHttpRotate } from './from-http-keys.ts';
import type { KeyPorts } from './key-ports.ts';
import { listKeys } from './list-keys.ts';
import { revokeKey } from './revoke-key.ts';
import { rotateKey } from './rotate-key.ts';
import { toHttpCreated, toHttpListed, toHttpRevoked, toHttpRotated } from './to-http-keys.ts';

type Respond = (ports: KeyPorts, request: HttpRequest, nowMs: number) => Promise<HttpAnswer>;

const answers: Readonly<Record<string, Respond>> = {
  async 'POST /api/v1/keys'(ports, { event, caller }, nowMs) {
    const reading = fromHttpCreate(event);
    if (!reading.ok) return reading;
    return toHttpCreated(await createKey(ports, caller, reading.value), nowMs);
  },
  async 'GET /api/v1/keys'(ports, { event, caller }, nowMs) {
    const reading = fromHttpList(event);
    if (!reading.ok) return reading;
    return toHttpListed(await listKeys(ports, caller, reading.value), nowMs);
  },
  async 'POST /api/v1/keys/{key}/revoke'(ports, { event, caller }, nowMs) {
    return toHttpRevoked(await revokeKey(ports, caller, fromHttpKeyId(event)), nowMs);
  },
  async 'POST /api/v1/keys/{key}/rotate'(ports, { event, caller }, nowMs) {
    const reading = fromHttpRotate(event);
    if (!reading.ok) return reading;
    return toHttpRotated(await rotateKey(ports, caller, reading.value), nowMs);
  },
};

const scopeRequired: HttpAnswer = {
  problem: problem(403, 'scope_required', 'The caller needs the scope admin.'),
};

/** The handler of all routes over the given ports. */
export function build(ports: KeyPorts): HttpHandler {
  const unknown: Respond = async () => ({
    problem: problem(404, 'not_found', 'This address does not exist.'),
  });
  const respond = async (request: HttpRequest) => {
    if (!request.caller.scopes.has('admin')) return scopeRequired;
    return (answers[request.event.routeKey] ?? unknown)(ports, request, ports.clock.now());
  };
  return createHttpHandler({ logger: ports.logger, respond });
}

async function start({ loadAndWatch, keep, onRefused, logger }: FunctionStart) {
  const { urls, hashSecret, environment } = await loadAndWatch(keysConfig);
  const shards = createApiKeyShards({ urls, logger, onRefused }).map(keep);
  const ports = { shards, hashSecret, environment, clock: systemClock, random: randomBytes, logger };
  return { http: build(ports), compare: () => compareShards(ports) };
}

const { logger, started } = functionStart('keys', start);
const http = httpEntry({ logger, started: async () => (await started()).http });

/** What the schedule sends once a minute. */
export interface CompareEvent {
  readonly compare: true;
}

/** AWS Lambda entry: the routes of the contracts that name `keys`, and the schedule. */
export async function handler(
  event: HttpEvent | CompareEvent,
  context: Context,
): Promise<HttpResult | Comparison> {
  if ('compare' in event) return (await started()).compare();
  return http(event, context);
}
