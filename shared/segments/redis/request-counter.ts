import { readFileSync } from 'node:fs';
import type { RequestCounter, RequestWindow } from '../../callers/request-quota.ts';
import { requestCountTimeoutMs, requestWindowMs } from '../../limits.ts';
import { within } from '../../runtime/within.ts';
import { connectRedis, type RedisLocation } from './connect.ts';
import { callerKey } from './keys.ts';
import { script } from './script.ts';

const countScript = readFileSync(new URL('count-request-1.lua', import.meta.url), 'utf8');

/** Requests of callers, counted in Redis by one script; one round trip a request. */
export function createRequestCounter(location: RedisLocation): RequestCounter & { close(): Promise<void> } {
  const redis = connectRedis(location);
  const count = script(redis, { name: 'countRequest', numberOfKeys: 1, lua: countScript });
  return {
    // Not connected, full, slow or gone: a quota is not worth a request.
    count: (callerId) =>
      within(
        count(callerKey(callerId), requestWindowMs).then(toWindow, () => null),
        requestCountTimeoutMs,
        () => null,
      ),
    close: async () => redis.disconnect(),
  };
}

function toWindow(answer: unknown): RequestWindow | null {
  const [requests, leftMs] = Array.isArray(answer) ? answer.map(Number) : [];
  return requests === undefined || leftMs === undefined ? null : { requests, leftMs };
}
