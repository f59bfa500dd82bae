import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { invariant, OdometerError } from '../../errors.ts';
import { partitionSegmentBytesMax, segmentAppendTimeoutMs } from '../../limits.ts';
import { within } from '../../runtime/within.ts';
import type { AppendOutcome, SegmentStore, StoredRange } from '../segment-store.ts';
import { connectRedis, type RedisLocation } from './connect.ts';
import { segmentKeys } from './keys.ts';
import { script } from './script.ts';

/** For calls of the flusher, which carry many segments and keep no request waiting. */
const readTimeoutMs = 5000;
const appendScript = readFileSync(new URL('append-segment-3.lua', import.meta.url), 'utf8');
const bindScript = readFileSync(new URL('bind-log-4.lua', import.meta.url), 'utf8');
const deleteScript = readFileSync(new URL('delete-segments-3.lua', import.meta.url), 'utf8');

export interface SegmentStoreOptions extends RedisLocation {
  readonly topic: string;
  /** Lower in tests. */
  readonly partitionBytesMax?: number;
}

/** The segments of one topic in Redis; connects at once and stays connected. */
export function createSegmentStore(options: SegmentStoreOptions): SegmentStore {
  const { topic } = options;
  const bytesMax = options.partitionBytesMax ?? partitionSegmentBytesMax;
  const redis = connectRedis(options);
  const opened = connection(redis);
  const append = script(redis, { name: 'appendSegment', numberOfKeys: 3, lua: appendScript });
  const remove = script(redis, { name: 'deleteSegments', numberOfKeys: 3, lua: deleteScript });
  const bind = script(redis, { name: 'bindLog', numberOfKeys: 4, lua: bindScript });
  const keysOf = (partition: number) => {
    const { index, content, bytes } = segmentKeys(topic, partition);
    return [index, content, bytes];
  };
  return {
    bindLogs: (scopes) =>
      answerOf(opened(), readTimeoutMs, async () => {
        const bound = [...scopes].map(async ([partition, scope]) => {
          const changed = await bind(...keysOf(partition), segmentKeys(topic, partition).log, scope);
          return changed === 1 ? [partition] : [];
        });
        return (await Promise.all(bound)).flat();
      }),
    boundLogs: (partitions) =>
      answerOf(opened(), segmentAppendTimeoutMs, async () => {
        const found = await Promise.all(
          partitions.map((partition) => redis.get(segmentKeys(topic, partition).log)),
        );
        return new Map(partitions.map((partition, i) => [partition, found[i] ?? null]));
      }),
    append: (partition, { from, to, events, recordHash }, segment) =>
      answerOf(opened(), segmentAppendTimeoutMs, async () => {
        invariant(from < to, `a segment from ${from} to ${to} is empty`);
        return toOutcome(await append(...keysOf(partition), from, to, events, recordHash, bytesMax, segment));
      }),
    list: (partitions, rangesMax) =>
      answerOf(opened(), readTimeoutMs, () => listRanges(redis, topic, partitions, rangesMax)),
    read: (partition, froms) =>
      answerOf(opened(), readTimeoutMs, async () =>
        froms.length === 0
          ? []
          : redis.hmgetBuffer(segmentKeys(topic, partition).content, ...froms.map(String)),
      ),
    deleteBelow: ({ partition, nextOffset }) =>
      answerOf(opened(), readTimeoutMs, async () => void (await remove(...keysOf(partition), 0, nextOffset))),
    delete: ({ partition, from }) =>
      answerOf(
        opened(),
        readTimeoutMs,
        async () => void (await remove(...keysOf(partition), from, from + 1)),
      ),
    assertNothingEvicted: () => answerOf(opened(), readTimeoutMs, () => assertNoEviction(redis)),
    close: async () => redis.disconnect(),
  };
}

async function listRanges(
  redis: Redis,
  topic: string,
  partitions: readonly number[],
  rangesMax: number,
): Promise<ReadonlyMap<number, readonly StoredRange[]>> {
  // One round trip: ioredis writes the commands of one tick together.
  const lists = await Promise.all(
    partitions.map((partition) => redis.zrange(segmentKeys(topic, partition).index, 0, `${rangesMax - 1}`)),
  );
  return new Map(partitions.map((partition, i) => [partition, (lists[i] ?? []).map(fromRedisMember)]));
}

function fromRedisMember(member: string): StoredRange {
  const [from = -1, to = -1, events = -1] = member.split('-').map(Number);
  return { from, to, events };
}

const outcomes: readonly AppendOutcome[] = ['stored', 'redelivered', 'replaced', 'full'];

function toOutcome(answer: unknown): AppendOutcome {
  const outcome = outcomes.find((known) => known === answer);
  if (outcome !== undefined) return outcome;
  throw new OdometerError('invariant_broken', `append-segment answered ${answer}`, { retryable: false });
}

/** INFO and not CONFIG GET, which ElastiCache refuses. */
async function assertNoEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy === 'noeviction') return;
  const message = `Redis must run with maxmemory-policy noeviction, not ${policy}: evicted segments cost freshness`;
  throw new OdometerError('segments_evictable', message, { retryable: false });
}

/** Whatever goes wrong with Redis, or takes longer, is `segments_unavailable`. */
async function answerOf<T>(opened: Promise<void>, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  try {
    return await within(opened.then(work), timeoutMs, () => {
      throw new Error(`no answer in ${timeoutMs} ms`);
    });
  } catch (error) {
    if (error instanceof OdometerError) throw error;
    throw new OdometerError('segments_unavailable', 'Redis did not answer', {
      retryable: true,
      cause: error,
    });
  }
}

/**
 * Resolves while Redis is connected, else rejects with why it is not. Calls wait for the first connection attempt, but
 * fail at once while a lost connection is made again.
 */
function connection(redis: Redis): () => Promise<void> {
  let cause: Error | undefined;
  redis.on('error', (error: Error) => {
    cause = error;
  });
  const first = new Promise<void>((resolve) => {
    redis.once('ready', resolve);
    redis.once('close', resolve);
  });
  return async () => {
    await first;
    if (redis.status === 'ready') return;
    throw new Error('Redis is not connected', { cause });
  };
}
