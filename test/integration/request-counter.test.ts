/** Requests of callers, counted by real Redis. */
import { randomUUID } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { requestCountTimeoutMs, requestWindowMs } from '../../shared/limits.ts';
import { createRequestCounter } from '../../shared/segments/redis/request-counter.ts';

type Counter = ReturnType<typeof createRequestCounter>;

const connectedMs = 10_000;
let counters: readonly Counter[];
let redis: Redis;

beforeAll(async () => {
  const { redis: url } = inject('servers');
  redis = new Redis(url);
  counters = [createRequestCounter({ url }), createRequestCounter({ url })];
  for (const counter of counters) await connected(counter);
});
afterAll(async () => {
  await Promise.all(counters.map((counter) => counter.close()));
  redis.disconnect();
});

/** Until the counter counts: it waits for no connection. */
async function connected(counter: Counter): Promise<void> {
  const giveUpMs = performance.now() + connectedMs;
  while ((await counter.count(randomUUID())) === null) {
    if (performance.now() > giveUpMs) throw new Error('Redis was not reached');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One count, tried again where this machine was too slow for it; the window may have one more then. */
async function countOf(counter: Counter, caller: string) {
  for (;;) {
    const window = await counter.count(caller);
    if (window !== null) return window;
  }
}

it('two processes count one caller together, each request once, and callers apart', async () => {
  const [caller, other] = [randomUUID(), randomUUID()];
  const raw = Array.from({ length: 50 }, (_, index) => counters[index % 2]?.count(caller));
  await Promise.all(raw);
  const keys = await redis.keys('odometer:requests:*');
  const values = await Promise.all(keys.map((key) => redis.get(key)));
  // Also those whose answer came too late were counted.
  expect(values).toContain('50');
  const [first] = counters;
  if (first === undefined) throw new Error('there is no counter');
  expect((await countOf(first, other)).requests).toBeLessThan(10);
});

it('a window opens with the first request, closes after a second, and leaves nothing behind', async () => {
  const [counter] = counters;
  if (counter === undefined) throw new Error('there is no counter');
  const caller = randomUUID();
  const opened = await countOf(counter, caller);
  expect(opened.leftMs).toBeGreaterThan(0);
  expect(opened.leftMs).toBeLessThanOrEqual(requestWindowMs);
  await new Promise((resolve) => setTimeout(resolve, requestWindowMs + 50));
  expect((await countOf(counter, caller)).requests).toBeLessThanOrEqual(opened.requests);
  await new Promise((resolve) => setTimeout(resolve, requestWindowMs + 50));
  expect(await redis.keys('odometer:requests:*')).toEqual([]);
});

it('a count that lost its end gets a new one: no caller is refused for ever', async () => {
  const [counter] = counters;
  if (counter === undefined) throw new Error('there is no counter');
  const caller = randomUUID();
  await countOf(counter, caller);
  const [key] = await redis.keys('odometer:requests:*');
  if (key === undefined) throw new Error('nothing was counted');
  await redis.persist(key);
  await countOf(counter, caller);
  expect(await redis.pttl(key)).toBeGreaterThan(0);
});

it('U6: a Redis that is away, or takes the request and says nothing, delays no request', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const away = [
    createRequestCounter({ url: 'redis://127.0.0.1:1' }),
    createRequestCounter({ url: `redis://127.0.0.1:${port}` }),
  ];
  const spent: number[] = [];
  for (const counter of [...away, ...away]) {
    const startedMs = performance.now();
    expect(await counter.count('caller')).toBeNull();
    spent.push(performance.now() - startedMs);
  }
  // The timer's own time and that of a busy machine, which the median leaves out.
  expect(spent.toSorted((one, other) => one - other)[1]).toBeLessThan(requestCountTimeoutMs + 100);
  await Promise.all(away.map((counter) => counter.close()));
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

it('U6: a Redis that is full counts nothing, and no request fails', async () => {
  const [counter] = counters;
  if (counter === undefined) throw new Error('there is no counter');
  const [, before = '0'] = (await redis.config('GET', 'maxmemory')) as string[];
  await redis.config('SET', 'maxmemory', '1');
  try {
    expect(await counter.count(randomUUID())).toBeNull();
  } finally {
    await redis.config('SET', 'maxmemory', before);
  }
  await connected(counter);
});
