/** HTTP in front of the handlers, instead of API Gateway: it translates and adds nothing. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { failure } from '../../shared/errors.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { within } from '../../shared/runtime/within.ts';
import { type Admission, admitByAuthorizer, admitWithoutCredential } from './authorize.ts';
import { answerPreflight, type CorsOrigins, corsHeaders } from './cors.ts';
import { type CallerContext, type GatewayRequest, toGatewayEvent } from './gateway-event.ts';
import { fromGatewayResult, type HttpResponse, problem } from './gateway-result.ts';
import { createContext } from './lambda-context.ts';
import type { Handler } from './load-handler.ts';
import { isLoopback } from './local-request.ts';
import { targetOf } from './request-target.ts';
import { type LocalRoute, matchRoute } from './route-table.ts';

/** API Gateway's own limits. */
const gatewayBodyBytesMax = 10 * 1024 * 1024;
const gatewayTimeoutMs = 30_000;
/** Longer than clients and proxies keep idle connections, so that they close first. */
const keepAliveMs = 75_000;

export interface HttpServerOptions {
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Checks credentials; without it a request with one is refused. */
  readonly authorizer?: Handler;
  /** Requests without a token are refused, wherever they come from. */
  readonly tokenRequired?: boolean;
  /** Whose pages may read answers; none by default. */
  readonly corsOrigins?: CorsOrigins;
  readonly logger: Logger;
  /** Shorter in tests. */
  readonly timeoutMs?: number;
}

/** The server of all routes; the caller lets it listen. */
export function createHttpServer(options: HttpServerOptions): Server {
  // A server that other machines can reach, or that does not listen yet, trusts no request without a token.
  let trustsLoopback = false;
  const server = createServer(
    { joinDuplicateHeaders: true, keepAliveTimeout: keepAliveMs, requireHostHeader: true },
    (request, response) => {
      const shared = corsHeaders(request.headers.origin, options.corsOrigins ?? nobody);
      const reply = (result: HttpResponse): void => {
        send(response, { ...result, headers: { ...result.headers, ...shared } }, server.listening);
      };
      answer(request, options, trustsLoopback).then(reply, (error: unknown) => {
        if (request.destroyed && !request.complete) return;
        options.logger.error({ url: request.url, ...failure(error) }, 'a function failed');
        reply(problem(500, 'internal_error', 'The function failed.'));
      });
    },
  );
  // A client that closed its side waits for its answer. Node has this switch and no type for it.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('listening', () => {
    const address = server.address();
    const bound = typeof address === 'object' ? address?.address : undefined;
    trustsLoopback = options.tokenRequired !== true && isLoopback(bound);
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  options: HttpServerOptions,
  trustsLoopback: boolean,
): Promise<HttpResponse> {
  const { method = 'GET' } = request;
  const preflight = answerPreflight({ method, headers: request.headers }, options.corsOrigins ?? nobody);
  if (preflight !== null) return preflight;
  const target = targetOf(request);
  if (target === undefined) {
    return problem(400, 'target_invalid', 'A request names one host and a path or http URL of this server.');
  }
  const { url, host } = target;
  const headers = { ...request.headers, host };
  const mark = url.indexOf('?');
  const match = matchRoute(method, mark < 0 ? url : url.slice(0, mark));
  switch (match.kind) {
    case 'unknown':
      return problem(404, 'route_unknown', `There is no ${url} here.`);
    case 'wrong-method':
      return problem(405, 'method_not_allowed', `${method} is not offered here.`, {
        allow: match.allow.join(', '),
      });
    case 'found':
      break;
  }
  const head = {
    method,
    url,
    headers,
    protocol: `HTTP/${request.httpVersion}`,
    sourceIp: request.socket.remoteAddress ?? '',
    nowMs: Date.now(),
  };
  const admission: Admission =
    admitWithoutCredential(request, match.route, { trusted: trustsLoopback, host }) ??
    (await admitByAuthorizer({ ...head, body: noBody }, match.route, options.authorizer));
  if (admission.kind === 'refused') return admission.response;
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > gatewayBodyBytesMax) return tooLarge();
  const body = await readBody(request);
  if (body === undefined) return tooLarge();
  return invoke({ ...head, body }, match.route, admission.caller, options);
}

/** Names the function's limit: the gateway's own is larger, so whoever keeps it would be refused again. */
function tooLarge(): HttpResponse {
  return problem(413, 'body_too_large', `The body must have at most ${bodyBytesMax} bytes when decoded.`, {
    connection: 'close',
  });
}

const noBody = Buffer.alloc(0);
const nobody: CorsOrigins = new Set();

/** The whole body; undefined as soon as it is longer than the gateway takes. */
function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const { 'content-length': length, 'transfer-encoding': transfer } = request.headers;
  if (transfer === undefined && (length === undefined || length === '0')) return Promise.resolve(noBody);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > gatewayBodyBytesMax) resolve(undefined);
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes)));
    request.on('error', reject);
  });
}

/** One invocation; one that takes longer than API Gateway waits is answered with 503 and runs on. */
async function invoke(
  request: GatewayRequest,
  route: LocalRoute,
  caller: CallerContext | null,
  { handlers, timeoutMs = gatewayTimeoutMs }: HttpServerOptions,
): Promise<HttpResponse> {
  const handler = handlers.get(route.function);
  if (handler === undefined)
    return problem(500, 'function_missing', `There is no function ${route.function}.`);
  const endsAtMs = performance.now() + timeoutMs;
  const context = createContext(route.function, () => endsAtMs);
  const result = handler(toGatewayEvent(request, route, caller), context).then(fromGatewayResult);
  return within(result, timeoutMs, () =>
    problem(503, 'timeout', `The function took longer than ${timeoutMs} ms.`),
  );
}

/** A server that was closed ends each connection with its last answer, instead of waiting for idle clients. */
function send(response: ServerResponse, { status, headers, body }: HttpResponse, listening: boolean): void {
  if (response.destroyed) return;
  const last = listening ? {} : { connection: 'close' };
  // A 204 has no body and no length of one (RFC 9110, 8.6).
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...last, ...length });
  response.end(body);
}
