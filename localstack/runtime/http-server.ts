/** HTTP in front of the handlers, in the place of API Gateway: it translates and adds nothing. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../../shared/ports/logger.ts';
import { type GatewayRequest, toGatewayEvent } from './gateway-event.ts';
import { fromGatewayResult, type HttpResponse, problem } from './gateway-result.ts';
import { createContext } from './lambda-context.ts';
import type { Handler } from './load-handler.ts';
import { type LocalRoute, matchRoute } from './route-table.ts';

/** API Gateway's own limits. */
const gatewayBodyBytesMax = 10 * 1024 * 1024;
const gatewayTimeoutMs = 30_000;
/** Longer than clients and proxies keep idle connections, so that they close first. */
const keepAliveMs = 75_000;

export interface HttpServerOptions {
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly logger: Logger;
  /** Shorter in tests. */
  readonly timeoutMs?: number;
}

/** The server of all routes; it listens when told to. */
export function createHttpServer(options: HttpServerOptions): Server {
  const server = createServer(
    { joinDuplicateHeaders: true, keepAliveTimeout: keepAliveMs, requireHostHeader: false },
    (request, response) => {
      answer(request, options).then(
        (result) => send(response, result, server.listening),
        (error: unknown) => {
          if (request.destroyed && !request.complete) return;
          options.logger.error({ error, url: request.url }, 'a function failed');
          send(response, problem(500, 'internal_error', 'The function failed.'), server.listening);
        },
      );
    },
  );
  return server;
}

async function answer(request: IncomingMessage, options: HttpServerOptions): Promise<HttpResponse> {
  const { method = 'GET', url = '/' } = request;
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
  const refusal = refuse(request);
  if (refusal !== undefined) return refusal;
  const body = await readBody(request);
  if (body === undefined) return tooLarge();
  const gatewayRequest: GatewayRequest = {
    method,
    url,
    headers: request.headers,
    protocol: `HTTP/${request.httpVersion}`,
    sourceIp: request.socket.remoteAddress ?? '',
    body,
    nowMs: Date.now(),
  };
  return invoke(gatewayRequest, match.route, options);
}

/** The authorizer's part: only loopback, and no credentials, because nobody here could check them. */
function refuse(request: IncomingMessage): HttpResponse | undefined {
  const { authorization, 'x-api-key': apiKey, 'content-length': length } = request.headers;
  const address = request.socket.remoteAddress ?? '';
  if (authorization !== undefined || apiKey !== undefined)
    return problem(401, 'credentials_unknown', 'Credentials cannot be checked here; send none.');
  if (!/^(?:127\.|::1$|::ffff:127\.)/.test(address))
    return problem(401, 'caller_unknown', 'Only this machine is served without credentials.');
  if (length !== undefined && Number(length) > gatewayBodyBytesMax) return tooLarge();
  return undefined;
}

function tooLarge(): HttpResponse {
  return problem(413, 'body_too_large', `A body may have ${gatewayBodyBytesMax} bytes.`, {
    connection: 'close',
  });
}

const noBody = Buffer.alloc(0);

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

/** One invocation; one that takes longer than API Gateway waits is answered for and left to itself. */
async function invoke(
  request: GatewayRequest,
  route: LocalRoute,
  { handlers, timeoutMs = gatewayTimeoutMs }: HttpServerOptions,
): Promise<HttpResponse> {
  const handler = handlers.get(route.function);
  if (handler === undefined)
    return problem(500, 'function_missing', `There is no function ${route.function}.`);
  const endsAtMs = request.nowMs + timeoutMs;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<HttpResponse>((resolve) => {
    const late = () => resolve(problem(503, 'timeout', `The function took longer than ${timeoutMs} ms.`));
    timer = setTimeout(late, timeoutMs);
  });
  try {
    const context = createContext(route.function, () => endsAtMs);
    const result = handler(toGatewayEvent(request, route), context).then(fromGatewayResult);
    return await Promise.race([result, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A server that was closed ends each connection with its last answer, instead of waiting for idle clients. */
function send(response: ServerResponse, { status, headers, body }: HttpResponse, listening: boolean): void {
  if (response.destroyed) return;
  const last = listening ? {} : { connection: 'close' };
  response.writeHead(status, { ...headers, ...last, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
