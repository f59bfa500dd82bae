import { Redis } from 'ioredis';

const connectTimeoutMs = 1000;
/** A connection on which commands wait for this long without an answer is closed and made again. */
const silenceMs = 2000;
const reconnectPauseMs = 50;
const reconnectPauseMaxMs = 1000;

export interface RedisLocation {
  readonly url: string;
  /** `sentinel://host:port,host:port/master-name`: then `url` gives only credentials and database. */
  readonly sentinelUrl?: string | undefined;
  /** The server refused our password. */
  readonly onRefused?: (() => void) | undefined;
}

const refusal = /^(?:WRONGPASS|NOAUTH)\b/;

/**
 * A client that fails at once while Redis is down and connects again without end. Nothing is queued or sent
 * twice: the caller knows what to do instead (U6).
 */
export function connectRedis({ url, sentinelUrl, onRefused }: RedisLocation): Redis {
  const options = {
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(reconnectPauseMs * attempt, reconnectPauseMaxMs),
  };
  const redis =
    sentinelUrl === undefined
      ? new Redis(url, options)
      : new Redis({ ...options, ...fromSentinelUrl({ sentinelUrl, url }) });
  // Without a listener ioredis prints every failed reconnect; here each call reports its own failure.
  redis.on('error', ({ message }: Error) => {
    if (refusal.test(message)) onRefused?.();
  });
  return redis;
}

interface SentinelTarget {
  readonly name: string;
  readonly sentinels: { host: string; port: number }[];
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: Record<string, never>;
  readonly enableTLSForSentinelMode?: true;
  readonly sentinelTLS?: Record<string, never>;
}

/**
 * `sentinel://h1:26379,h2:26379/master` and the credentials of a Redis URL as options of ioredis. With `rediss:` the
 * connections to Sentinels use TLS too: somebody who could answer in their place would choose the host that gets the
 * password.
 */
export function fromSentinelUrl({
  sentinelUrl,
  url,
}: {
  readonly sentinelUrl: string;
  readonly url: string;
}): SentinelTarget {
  const [hosts = '', name = 'mymaster'] = sentinelUrl.replace(/^[a-z+]+:\/\//, '').split('/');
  const { username, password, pathname, protocol } = new URL(url);
  return {
    name,
    sentinels: hosts.split(',').map((host) => {
      const [address = host, port] = host.split(':');
      return { host: address, port: Number(port ?? 26379) };
    }),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
    // Without the switch ioredis takes `tls` to be the Sentinels' and speaks to Redis in plain text.
    ...(protocol === 'rediss:' ? { tls: {}, enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  };
}
