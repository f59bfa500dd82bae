/** Ingest under a wall clock that is set: only stamps, the window of accepted timestamps and the end of tokens move. */
import { describe, expect, it } from 'vitest';
import { createAuthorizeCaller } from '../../../functions/authorizer/authorize-caller.ts';
import {
  type AcceptRequest,
  acceptEvents,
  type ServerMade,
} from '../../../functions/ingest/accept-events.ts';
import { GroupCommit } from '../../../functions/ingest/group-commit.ts';
import { PropertySealer } from '../../../functions/ingest/seal-properties.ts';
import { deadlineCheckMs } from '../../../shared/limits.ts';
import { noApiKeys } from '../../harness/fakes/api-keys.ts';
import { type FakeClock, settled, testNowMs } from '../../harness/fakes/clock.ts';
import { FakeLog } from '../../harness/fakes/log.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';
import { describeRuns, hourMs, pass, type TimedRun, timeOf } from '../../harness/fakes/stepped-clock.ts';

function ingest(clock: FakeClock) {
  const log = new FakeLog({ hold: true });
  const producerId = Buffer.alloc(16, 1);
  const key = Buffer.alloc(32, 1);
  const sealer = new PropertySealer(key, producerId);
  const receipts = { seal: () => 'receipt' };
  const options = {
    log,
    clock,
    sealer,
    producerId,
    partitions: 1,
    receipts,
    lingerMs: 5,
    envelopeVersion: 2 as const,
  };
  const group = new GroupCommit(options);
  const ports = {
    clock,
    commit: group.submit.bind(group),
    makeKey: () => 'made',
    digestProperties: () => '',
    carriesDimensions: true,
  };
  const candidate = {
    ...{ index: 0, organization: 'org_1', metric: 'm', quantity: '1' },
    ...{ dimensions: '', properties: null },
  };
  const scopes = new Set(['ingest'] as const);
  const caller = { id: 'c', scopes, organizations: 'all', keysRequired: false } as const;
  const request = { caller, keyPrefix: null, atomic: false, waitMs: 1000 };
  /** Sends one event; answers what becomes of the request, and after how long. */
  const send = async (eventTimeMs: number | null = null) => {
    const items: AcceptRequest['items'] = [{ ...candidate, idempotencyKey: null, eventTimeMs }];
    const startedMs = clock.monotonic();
    let made: ServerMade | undefined;
    const onMade = (given: ServerMade) => {
      made = given;
    };
    const outcome = await acceptEvents(ports, { ...request, items, onMade });
    return { outcome, made, tookMs: clock.monotonic() - startedMs };
  };
  const briefly = async () => {
    const { outcome, tookMs } = await send();
    return `${outcome.kind} after ${tookMs} ms`;
  };
  return { log, send, briefly };
}

const runs: readonly TimedRun[] = [
  [
    'group commit: what waits behind an append leaves when it settles, and nobody after it is refused',
    async ({ clock, step }) => {
      const { log, briefly } = ingest(clock);
      const first = briefly();
      const waiting = [briefly(), briefly()];
      step();
      await clock.advance(50);
      await log.appends[0]?.acknowledge();
      const others = [briefly(), briefly()];
      for (let i = 0; i < 10; i++) {
        await clock.advance(5);
        for (const append of log.appends) await append.acknowledge();
      }
      return Promise.all([first, ...waiting, ...others]);
    },
    ['50', '55', '55', '5', '5'].map((ms) => `accepted after ${ms} ms`),
  ],
  [
    'accept events: a log that is silent is answered for at the deadline, with what the server made',
    async ({ clock, step }) => {
      const { send } = ingest(clock);
      let answer: Awaited<ReturnType<typeof send>> | undefined;
      void send().then((came) => {
        answer = came;
      });
      await clock.advance(deadlineCheckMs);
      step();
      await pass(clock, 2000);
      return [answer?.outcome.kind, answer?.tookMs, answer?.made];
    },
    ['unavailable', 1000, { keys: [{ index: 0, idempotencyKey: 'made' }], stampedAtMs: testNowMs }],
  ],
];

describeRuns(runs);

describe('what moves with the wall clock', () => {
  it('the stamp of an event without a timestamp, and of its envelope', async () => {
    const { clock, step } = timeOf(hourMs);
    const { log, send } = ingest(clock);
    step();
    const sent = send();
    await log.appends[0]?.acknowledge();
    expect((await sent).outcome).toMatchObject({ made: { stampedAtMs: testNowMs + hourMs } });
    expect(log.appends[0]?.records[0]?.value.readBigUInt64BE(40)).toBe(BigInt(testNowMs + hourMs));
  });

  it('the window of accepted timestamps', async () => {
    const { clock, step } = timeOf(hourMs);
    const { log, send } = ingest(clock);
    const halfAnHourAhead = testNowMs + hourMs / 2;
    expect((await send(halfAnHourAhead)).outcome).toMatchObject({ kind: 'rejected' });
    step();
    const sent = send(halfAnHourAhead);
    await settled();
    await log.appends[0]?.acknowledge();
    expect((await sent).outcome).toMatchObject({ kind: 'accepted' });
  });

  it('the end of a token, also of one that was verified a moment ago', async () => {
    const { clock, step } = timeOf(hourMs);
    const verdicts = [
      { kind: 'verified', claims: { sub: 'c', organizations: '*' }, expiresAtMs: testNowMs + 60_000 },
    ];
    const verify = async () => verdicts.shift() ?? { kind: 'invalid', code: 'token_expired' };
    // The two verdicts are those of the port.
    const authorize = createAuthorizeCaller({
      tokens: { verify } as never,
      apiKeys: noApiKeys,
      clock,
      logger: new FakeLogger(),
    });
    expect(await authorize('token')).toMatchObject({ kind: 'granted' });
    step();
    expect(await authorize('token')).toEqual({ kind: 'unauthenticated', code: 'token_expired' });
  });
});
