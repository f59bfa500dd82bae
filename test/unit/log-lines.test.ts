import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { EventSourceMapping } from '../../localstack/runtime/event-source-mapping.ts';
import { createHttpServer } from '../../localstack/runtime/http-server.ts';
import { runSchedule } from '../../localstack/runtime/scheduler.ts';
import { failure, OdometerError } from '../../shared/errors.ts';
import type { LogFields } from '../../shared/runtime/logger.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { momentOf } from '../harness/fakes/clock.ts';

const cause = new TypeError('the password was wrong');
const error = new OdometerError('shard_unavailable', 'shard 2 does not answer', { retryable: true, cause });

const lines: Readonly<Record<string, unknown>>[] = [];
const logger = createLogger(
  'test',
  { LOG_LEVEL: 'debug' },
  { write: (line) => lines.push(JSON.parse(line)) },
);

afterEach(() => {
  lines.length = 0;
});

/** What somebody who reads one line must find in it. */
const everythingOf = (failed: OdometerError) => ({
  code: failed.code,
  err: {
    type: 'OdometerError',
    message: expect.stringContaining(failed.message),
    stack: expect.stringMatching(
      /shard 2 does not answer[\s\S]*log-lines\.test\.ts[\s\S]*caused by: TypeError/,
    ),
  },
});

describe('an error in a log line', () => {
  it.each(['debug', 'info', 'warn', 'error'] as const)(
    'is printed at level %s with message, stack, cause and code',
    (level) => {
      logger[level]({ shard: 2, ...failure(error) }, 'the shard failed');
      expect(lines).toMatchObject([{ level, shard: 2, msg: 'the shard failed', ...everythingOf(error) }]);
    },
  );

  it('is printed with message and stack when it is not ours', () => {
    logger.error(failure(cause), 'a bug');
    expect(lines).toMatchObject([{ err: { type: 'TypeError', message: cause.message, stack: /./ } }]);
    expect(lines[0]).not.toHaveProperty('code');
  });

  it('cannot be given as a field `error`, which would print an empty object', () => {
    // @ts-expect-error: only `failure` may put an error into a line.
    const fields: LogFields = { error };
    logger.error(fields, 'lost');
    expect(lines[0]?.['error']).not.toHaveProperty('message');
  });
});

describe('the local runtime logs a failed function with its error', () => {
  const failing = () => Promise.reject(error);

  it('behind the HTTP server', async () => {
    const server = createHttpServer({ handlers: new Map([['query', failing]]), logger }).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    server.close();
    expect(response.status).toBe(500);
    expect(lines).toMatchObject([everythingOf(error)]);
  });

  it('behind the schedule', async () => {
    let ticks = 0;
    const clock = { now: () => 0, monotonic: () => momentOf(0), sleep: async () => {} };
    await runSchedule({ invoke: failing, clock, logger, stopping: () => ticks++ > 0 });
    expect(lines).toMatchObject([everythingOf(error)]);
  });

  it('behind the event source mapping', async () => {
    const source = { topic: 'events', bootstrapServers: '' };
    const limits = { windowMs: 0, recordsMax: 1, payloadBytesMax: 10_000 };
    const mapping = new EventSourceMapping({ source, invoke: failing, commit: failing, logger, limits });
    mapping.offer(0, [{ offset: 0, timestampMs: 0, key: null, value: null, headers: [] }]);
    await mapping.stop();
    expect(lines).toMatchObject([everythingOf(error)]);
  });
});
