import { describe, expect, it } from 'vitest';
import { fromHttpCaller } from '../../shared/callers/http-caller.ts';
import { OdometerError } from '../../shared/errors.ts';
import { problem } from '../../shared/http/problem.ts';
import { createHttpHandler, type HttpAnswer, type HttpRequest } from '../../shared/http/stack.ts';
import { administrator, bodyOf, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

async function answerOf(respond: (request: HttpRequest) => Promise<HttpAnswer>, logger = new FakeLogger()) {
  const handle = createHttpHandler({ logger, respond });
  return handle(httpEvent({ routeKey: 'GET /x' }), lambdaContext());
}

describe('the caller', () => {
  it('has the known scopes and the organizations of the authorizer', () => {
    const caller = fromHttpCaller({
      callerId: 'a',
      scopes: 'ingest  fly read',
      organizations: 'x,y z',
      keysRequired: true,
    });
    expect(caller).toEqual({
      id: 'a',
      scopes: new Set(['ingest', 'read']),
      organizations: new Set(['x', 'y', 'z']),
      keysRequired: true,
    });
  });

  it('with nothing granted may do nothing', () => {
    const caller = fromHttpCaller({ callerId: 'a' });
    expect(caller).toEqual({ id: 'a', scopes: new Set(), organizations: new Set(), keysRequired: false });
  });

  it('of everything is written *', () => {
    expect(fromHttpCaller(administrator)?.organizations).toBe('all');
    expect(fromHttpCaller({ ...administrator, organizations: '* org' })?.organizations).toEqual(
      new Set(['*', 'org']),
    );
  });

  it('is never taken from a header', async () => {
    const handle = createHttpHandler({
      logger: new FakeLogger(),
      respond: async () => ({ status: 200, body: {} }),
    });
    const headers = { authorization: 'Bearer x', callerid: 'admin', 'x-caller-id': 'admin' };
    const event = httpEvent({ routeKey: 'GET /x', headers, authorizer: null });
    expect((await handle(event, lambdaContext())).statusCode).toBe(401);
    const { authorizer: _, ...requestContext } = event.requestContext;
    // A route without an authorizer has no such member at all.
    const bare = { ...event, requestContext } as typeof event;
    expect((await handle(bare, lambdaContext())).statusCode).toBe(401);
  });
});

describe('failures', () => {
  it('a retryable error is 503 with Retry-After, and its message stays inside', async () => {
    const logger = new FakeLogger();
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:5432');
    const result = await answerOf(async () => {
      throw new OdometerError('shard_unavailable', 'shard 2 at 10.0.0.7', { retryable: true, cause });
    }, logger);
    expect([result.statusCode, result.headers?.['retry-after']]).toEqual([503, '1']);
    expect(bodyOf(result)).toMatchObject({ code: 'shard_unavailable', request_id: 'request-1' });
    expect(result.body).not.toContain('10.0.0.7');
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { requestId: 'request-1', err: { cause } } },
    ]);
  });

  it.each([
    new Error('secret detail'),
    new OdometerError('invariant_broken', 'secret detail', { retryable: false }),
    new TypeError('secret detail'),
  ])('%s is 500, logged with its cause', async (error) => {
    const logger = new FakeLogger();
    const result = await answerOf(async () => {
      throw error;
    }, logger);
    expect(result.statusCode).toBe(500);
    expect(bodyOf(result)).toMatchObject({
      type: 'urn:odometer:problem:internal',
      code: 'internal',
      status: 500,
    });
    expect(result.body).not.toContain('secret');
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { err: error } }]);
  });

  it('a problem as a value has the shape of RFC 9457', async () => {
    const errors = [{ index: 3, field: 'quantity', code: 'too_long', message: 'm' }];
    const result = await answerOf(async () => ({ problem: problem(400, 'bad', 'A sentence.', { errors }) }));
    expect(result.headers).toMatchObject({ 'content-type': 'application/problem+json' });
    expect(bodyOf(result)).toEqual({
      type: 'urn:odometer:problem:bad',
      title: 'The request is not valid',
      status: 400,
      code: 'bad',
      detail: 'A sentence.',
      request_id: 'request-1',
      errors,
    });
  });
});

it('a route sees its caller, the remaining time and a logger with the request id', async () => {
  const logger = new FakeLogger();
  const result = await answerOf(async (request) => {
    request.logger.error({ a: 1 }, 'm');
    return { status: 200, body: { caller: request.caller.id, remaining: request.remainingMs() } };
  }, logger);
  expect(bodyOf(result)).toEqual({ caller: 'local-admin', remaining: 30_000 });
  expect(logger.lines).toEqual([{ level: 'error', fields: { requestId: 'request-1', a: 1 }, message: 'm' }]);
});
