/** Somebody sets the wall clock of the twin's processes by an hour, ahead and back, while events flow. */
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { loadSecrets } from '../../localstack/servers/secrets.ts';
import { issueToken } from '../../localstack/token-issuer.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';
import { countedEvents, differencesOf } from '../harness/twin/count.ts';
import { startLoad } from '../harness/twin/steady-load.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';
import { openWallClock, type WallClock } from '../harness/twin/wall-clock.ts';

const hourSeconds = 3600;
const hourMs = hourSeconds * 1000;
/** Longer than a member of the consumer group is missed, and than a record waits to be read past the consumer. */
const settledMs = 9000;
const watchedMs = 4000;

let wallClock: WallClock;
let twin: Twin;
let token: string;

beforeAll(async () => {
  wallClock = await openWallClock();
  twin = await startTwin({ environment: wallClock.environment });
  const request = { caller: 'probe', scope: 'ingest', organizations: '*', hours: 0.5 } as const;
  token = await issueToken(loadSecrets(twin.dataDir)['jwt-secret'], request);
});
afterAll(async () => {
  await twin.stop();
  wallClock.remove();
});

/** Sends one event; answers status, `stamped_at` and the code of a refusal. */
async function send(headers: Readonly<Record<string, string>>, timestamp?: string) {
  const response = await fetch(`${twin.endpoints().api}/api/v1/usage/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ organization_id: 'probe', metric_name: 'm', quantity: '1', timestamp }),
  });
  // What the API answers.
  const body = (await response.json()) as {
    stamped_at?: string;
    code?: string;
    errors?: { code: string }[];
  };
  return { status: response.status, stampedAt: body.stamped_at, code: body.errors?.[0]?.code ?? body.code };
}

/** What the clock may move; answers how many of the probes were accepted. */
async function probe(seconds: number): Promise<number> {
  const undated = await send({});
  expect(undated.status).toBe(202);
  const stampedMs = Date.parse(undated.stampedAt ?? '');
  expect(Math.abs(stampedMs - Date.now() - seconds * 1000)).toBeLessThan(5000);
  const dated = await send({}, new Date().toISOString());
  expect(dated).toMatchObject(seconds < 0 ? { status: 400, code: 'timestamp_ahead' } : { status: 202 });
  const authorized = await send({ authorization: `Bearer ${token}` });
  expect(authorized).toMatchObject(seconds > 0 ? { status: 401, code: 'token_expired' } : { status: 202 });
  return [undated, dated, authorized].filter(({ status }) => status === 202).length;
}

/** The sum of the offsets that the consumer's group has committed. */
async function consumedOffsets(): Promise<number> {
  const admin = createKafka({ bootstrapServers: twin.endpoints().kafka }).admin();
  await admin.connect();
  try {
    const { consumerGroup: groupId, name } = usageTopic;
    // Only metadata tell the client where brokers are.
    await admin.fetchTopicMetadata({ topics: [name] });
    const [topic] = await admin.fetchOffsets({ groupId, topics: [name] });
    return (topic?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  } finally {
    await admin.disconnect();
  }
}

it('moves stamps, the window and the end of tokens; nothing hangs or stops, and the counts are equal', async () => {
  const processes = twin.processes();
  const load = startLoad(twin.endpoints().api, 20261128, { agoMs: 2 * hourMs, pauseMs: 50 });
  let probes = 0;
  onTestFinished(load.end);
  for (const seconds of [hourSeconds, 0, -hourSeconds, 0]) {
    await wallClock.set(seconds);
    probes += await probe(seconds);
    await setTimeout(settledMs);
    const before = [load.acknowledged(), await countedEvents(twin), await consumedOffsets()] as const;
    await setTimeout(watchedMs);
    expect(load.acknowledged(), 'requests are acknowledged').toBeGreaterThan(before[0]);
    expect(await countedEvents(twin), 'the flusher commits').toBeGreaterThan(before[1]);
    expect(await consumedOffsets(), 'the consumer goes on').toBeGreaterThan(before[2]);
  }
  const { unique, slowestMs } = await load.stop();
  expect(slowestMs).toBeLessThan(5000);
  await expect.poll(() => countedEvents(twin), { timeout: 30_000 }).toBe(unique + probes);
  expect(await differencesOf(twin)).toEqual([]);
  expect(twin.processes()).toEqual(processes);
});

it('a consumer that was idle when the clock was set back takes what comes, and its group notes it', async () => {
  await wallClock.set(-hourSeconds);
  await setTimeout(settledMs);
  const before = await consumedOffsets();
  expect((await send({})).status).toBe(202);
  await expect.poll(consumedOffsets, { timeout: 20_000 }).toBe(before + 1);
  await wallClock.set(0);
});
