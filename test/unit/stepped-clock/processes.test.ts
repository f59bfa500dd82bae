/** What serves, starts and sends under a wall clock that is set. */
import { createServer } from 'node:http';
import { vi } from 'vitest';
import { createClient } from '../../../client/client.ts';
import { createAuthorizeCaller } from '../../../functions/authorizer/authorize-caller.ts';
import { createReadiness } from '../../../functions/query/check-readiness.ts';
import { EventSourceMapping } from '../../../localstack/runtime/event-source-mapping.ts';
import { createInvoke } from '../../../localstack/runtime/invoke.ts';
import { runSchedule } from '../../../localstack/runtime/scheduler.ts';
import { credentialsRenewalMs, readinessAgeMsMax, verifiedTokenAgeMsMax } from '../../../shared/limits.ts';
import { createLogWriter } from '../../../shared/log/kafka/log-writer.ts';
import { renewable } from '../../../shared/runtime/lifetime.ts';
import { within } from '../../../shared/runtime/within.ts';
import { envelope, sealedEvent } from '../../harness/builders/records.ts';
import { noApiKeys } from '../../harness/fakes/api-keys.ts';
import { testNowMs } from '../../harness/fakes/clock.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';
import { describeRuns, hourMs, pass, type TimedRun } from '../../harness/fakes/stepped-clock.ts';

const value = envelope([sealedEvent()]);

const runs: readonly TimedRun[] = [
  [
    'verified tokens: remembered for a minute',
    async ({ clock, step }) => {
      let verified = 0;
      const expiresAtMs = testNowMs + 3 * hourMs;
      const claims = { sub: 'c', scope: 'read', organizations: '*' };
      const verify = async () => {
        verified += 1;
        return { kind: 'verified', claims, expiresAtMs } as const;
      };
      const authorize = createAuthorizeCaller({
        ...{ tokens: { verify }, apiKeys: noApiKeys, clock, logger: new FakeLogger() },
      });
      const counts: number[] = [];
      for (const waitMs of [0, 1000, verifiedTokenAgeMsMax - 1001, 1]) {
        await clock.advance(waitMs);
        await authorize('token');
        counts.push(verified);
        if (waitMs === 0) step();
      }
      return counts;
    },
    [1, 1, 1, 2],
  ],
  [
    'renewable: refused credentials are renewed at most every thirty seconds',
    async ({ clock, step }) => {
      let starts = 0;
      const started = renewable(clock, async ({ onRefused }) => {
        // Whatever it starts with is refused.
        onRefused();
        return ++starts;
      });
      const seen: number[] = [];
      for (const waitMs of [0, 0, 1000, credentialsRenewalMs - 1001, 1]) {
        await clock.advance(waitMs);
        seen.push(await started());
        if (seen.length === 2) step();
      }
      return seen;
    },
    [1, 2, 2, 2, 3],
  ],
  [
    'readiness: dependencies are asked once in two seconds',
    async ({ clock, step }) => {
      let asked = 0;
      const ready = createReadiness([{ name: 'log', check: async () => ++asked }], clock);
      const seen: number[] = [];
      for (const waitMs of [0, 100, readinessAgeMsMax - 101, 1]) {
        await clock.advance(waitMs);
        await ready();
        seen.push(asked);
        if (waitMs === 0) step();
      }
      return seen;
    },
    [1, 1, 1, 2],
  ],
  [
    'the schedule: once a minute',
    async ({ clock, step }) => {
      const begun: number[] = [];
      let stopped = false;
      const ended = runSchedule({
        clock,
        logger: new FakeLogger(),
        stopping: () => stopped,
        invoke: async () => void begun.push(clock.monotonic()),
      });
      await pass(clock, 90_000);
      step();
      await pass(clock, 60_000);
      stopped = true;
      await clock.advance(hourMs + 60_000);
      await ended;
      return begun;
    },
    [0, 60_000, 120_000],
  ],
  [
    'an invocation: the time that its context has left',
    async ({ step }) => {
      vi.useFakeTimers();
      const left: number[] = [];
      const invoke = createInvoke({
        name: 'flusher',
        timeoutMs: 1000,
        logger: new FakeLogger(),
        handler: async (_event, context) => {
          for (const waitMs of [0, 100, 200]) {
            await vi.advanceTimersByTimeAsync(waitMs);
            left.push(context.getRemainingTimeInMillis());
            step();
          }
        },
      });
      await invoke({});
      return left;
    },
    [1000, 900, 700],
  ],
  [
    'the event source mapping: its window',
    async ({ step }) => {
      vi.useFakeTimers();
      const beganMs = performance.now();
      const invoked: number[] = [];
      const mapping = new EventSourceMapping({
        source: { topic: 't', bootstrapServers: '' },
        logger: new FakeLogger(),
        limits: { windowMs: 100, recordsMax: 100, payloadBytesMax: 6_000_000 },
        commit: async () => {},
        invoke: async () => void invoked.push(performance.now() - beganMs),
      });
      const record = (offset: number) => ({ offset, timestampMs: 0, key: null, value, headers: [] });
      mapping.offer(0, [record(0)]);
      await vi.advanceTimersByTimeAsync(40);
      step();
      mapping.offer(1, [record(0)]);
      await vi.advanceTimersByTimeAsync(200);
      await mapping.stop();
      return invoked;
    },
    [100],
  ],
  [
    'the writer of the log: an append without a broker fails at its deadline',
    async ({ step }) => {
      const writer = createLogWriter({ bootstrapServers: '127.0.0.1:1', topic: 't', timeoutMs: 600 });
      const beganMs = performance.now();
      const failed = writer.append([{ partition: 0, value }]).catch((error: { code: string }) => error.code);
      setTimeout(step, 200);
      const code = await within(failed, 3000, () => 'late');
      await writer.close();
      const tookMs = performance.now() - beganMs;
      return [code, tookMs > 300 && tookMs < 2500];
    },
    ['log_unavailable', true],
  ],
  [
    'the client: it gives up waiting for what is not committed at its deadline',
    async ({ step }) => {
      const freshness = { complete_through: null, in_flight_records: 1 };
      const server = createServer((_request, response) => void response.end(JSON.stringify({ freshness })));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const client = createClient({ url: `http://127.0.0.1:${port}` });
      const beganMs = performance.now();
      const waited = client.waitUntilComplete('org_1', testNowMs, { timeoutMs: 700 }).catch(() => 'gave up');
      setTimeout(step, 100);
      const end = await within<unknown, string>(waited, 3000, () => 'late');
      const tookMs = performance.now() - beganMs;
      await client.close();
      server.close();
      return [end, tookMs > 600 && tookMs < 2500];
    },
    ['gave up', true],
  ],
];

describeRuns(runs);
