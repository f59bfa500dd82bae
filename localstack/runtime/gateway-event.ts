/** Node's HTTP request as the API Gateway event (HTTP API, payload 2.0) that AWS documents, and back. */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { APIGatewayEventRequestContextV2, APIGatewayProxyEventV2WithRequestContext } from 'aws-lambda';
import type { LocalRoute } from './route-table.ts';

/** The context that the authorizer returned. */
export type CallerContext = Readonly<Record<string, string>>;

/** A public route's event has no authorizer. */
export type GatewayEvent = APIGatewayProxyEventV2WithRequestContext<
  APIGatewayEventRequestContextV2 & { readonly authorizer?: { readonly lambda: CallerContext } }
>;

/** What the event is made of. */
export interface GatewayRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly protocol: string;
  readonly sourceIp: string;
  readonly body: Buffer;
  readonly nowMs: number;
}

const processPrefix = randomBytes(6).toString('base64url');
let requests = 0;

export function toGatewayEvent(
  request: GatewayRequest,
  matched: LocalRoute,
  caller: CallerContext | null,
): GatewayEvent {
  const { method, url, headers, body, nowMs } = request;
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const rawQueryString = mark < 0 ? '' : url.slice(mark + 1);
  const cookies = headers.cookie?.split('; ');
  const encoded = body.length > 0 && (isBinary(headers) || !isUtf8(body));
  requests += 1;
  return {
    version: '2.0',
    routeKey: matched.routeKey,
    rawPath,
    rawQueryString,
    ...(cookies === undefined ? {} : { cookies }),
    headers: toGatewayHeaders(headers),
    ...(rawQueryString === '' ? {} : { queryStringParameters: parametersOf(rawQueryString) }),
    ...(matched.parameters === undefined ? {} : { pathParameters: matched.parameters }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      ...(caller === null ? {} : { authorizer: { lambda: caller } }),
      domainName: headers.host ?? 'localhost',
      domainPrefix: 'localhost',
      http: {
        method,
        path: rawPath,
        protocol: request.protocol,
        sourceIp: request.sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: `${processPrefix}${requests.toString(36)}=`,
      routeKey: matched.routeKey,
      stage: '$default',
      time: commonLogTime(nowMs),
      timeEpoch: nowMs,
    },
    ...(body.length === 0 ? {} : { body: body.toString(encoded ? 'base64' : 'utf8') }),
    isBase64Encoded: encoded,
  };
}

/** What API Gateway asks an authorizer of type REQUEST, payload 2.0: the event without its body. */
export function toAuthorizerEvent(request: GatewayRequest, matched: LocalRoute) {
  const { body: _, isBase64Encoded: __, ...event } = toGatewayEvent(request, matched, null);
  const routeArn = `arn:aws:execute-api:local:000000000000:local/$default/${request.method}${event.rawPath}`;
  return { ...event, type: 'REQUEST', routeArn, identitySource: [request.headers.authorization ?? ''] };
}

/**
 * API Gateway passes a body on as text when its type says text and nothing is encoded, else as base64. What it makes of
 * text that is not UTF-8 is not documented; here such a body is base64, so that the function sees what was sent.
 */
function isBinary(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return true;
  const type = headers['content-type'];
  return type !== 'application/json' && !isTextType(type);
}

function isTextType(type: string | undefined): boolean {
  return type !== undefined && /^(?:text\/|application\/(?:[^;]+\+)?(?:json|xml|javascript)\b)/i.test(type);
}

/** Node gives lower-case names and, for all but these two, joined values already. */
function toGatewayHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  if (headers.cookie === undefined && headers['set-cookie'] === undefined) {
    // Only `set-cookie` is ever an array.
    return headers as Record<string, string>;
  }
  const { cookie: _, 'set-cookie': setCookie, ...others } = headers;
  // As above.
  const joined = others as Record<string, string>;
  return setCookie === undefined ? joined : { ...joined, 'set-cookie': setCookie.join(',') };
}

/** Values of one name are joined by comma, as API Gateway does. */
function parametersOf(query: string): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const before = Object.hasOwn(parameters, name) ? `${parameters[name]},` : '';
    Object.defineProperty(parameters, name, {
      value: before + value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return parameters;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let timeSecond = -1;
let timeText = '';

/** `23/Nov/2026:10:00:00 +0000`, made once a second. */
function commonLogTime(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== timeSecond) {
    const iso = new Date(nowMs).toISOString();
    const month = months[Number(iso.slice(5, 7)) - 1];
    timeSecond = second;
    timeText = `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
  }
  return timeText;
}
