/** What a handler answered, as the HTTP response that API Gateway makes of it. */

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Buffer;
}

/** API Gateway's rules: an object with `statusCode` is a response, anything else a 200 with its JSON. */
export function fromGatewayResult(result: unknown): HttpResponse {
  if (typeof result !== 'object' || result === null || !('statusCode' in result)) {
    const body = typeof result === 'string' ? result : JSON.stringify(result ?? null);
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  }
  // Any object's fields can be looked at as unknown.
  const { statusCode, headers, cookies, body, isBase64Encoded } = result as Record<string, unknown>;
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    return problem(500, 'response_malformed', 'The function did not answer with a status code.');
  }
  const text = typeof body === 'string' ? body : '';
  return {
    status,
    headers: {
      ...toHttpHeaders(headers),
      ...(Array.isArray(cookies) ? { 'set-cookie': cookies.map(String) } : {}),
    },
    body: isBase64Encoded === true ? Buffer.from(text, 'base64') : text,
  };
}

function toHttpHeaders(headers: unknown): Record<string, string> {
  const plain: Record<string, string> = {};
  if (typeof headers !== 'object' || headers === null) return plain;
  const entries: readonly (readonly [string, unknown])[] = Object.entries(headers);
  for (const [name, value] of entries) plain[name.toLowerCase()] = String(value);
  return plain;
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** An answer of the gateway itself, as problem details (RFC 9457). */
// Same type: a code is one word, a detail is a sentence; clients are shown both.
export function problem(
  status: number,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  const body = JSON.stringify({ type: 'about:blank', title: titles[status], status, code, detail });
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body };
}
