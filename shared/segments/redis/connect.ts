import { Redis } from 'ioredis';

const connectTimeoutMs = 1000;
/** A server that says nothing for this long while commands wait is left; reconnecting finds out. */
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
 * twice: whoever calls knows better what to do instead (U6).
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
      : new Redis({ ...options, ...fromSentinelUrl(sentinelUrl, url) });
  // Without a listener ioredis prints every failed reconnect; each call reports its own failure to its caller.
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
 * What `sentinel://h1:26379,h2:26379/master` and the credentials of a Redis URL mean to ioredis. With `rediss:`
 * the Sentinels are spoken to by TLS too: whoever could answer for one would say which host gets the password.
 */
export function fromSentinelUrl(sentinelUrl: string, url: string): SentinelTarget {
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
