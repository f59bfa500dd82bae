import { expect, it } from 'vitest';
import { fromSentinelUrl } from '../../shared/segments/redis/connect.ts';

it('a Sentinel URL names hosts and master; the Redis URL gives credentials, database and TLS', () => {
  expect(
    fromSentinelUrl({ sentinelUrl: 'sentinel://a:26380,b/primary', url: 'rediss://user:p%40ss@ignored:1/2' }),
  ).toEqual({
    name: 'primary',
    sentinels: [
      { host: 'a', port: 26380 },
      { host: 'b', port: 26379 },
    ],
    username: 'user',
    password: 'p@ss',
    db: 2,
    tls: {},
    enableTLSForSentinelMode: true,
    sentinelTLS: {},
  });
});

it('what is not given is not set', () => {
  expect(fromSentinelUrl({ sentinelUrl: 'sentinel://a:1', url: 'redis://localhost' })).toEqual({
    name: 'mymaster',
    sentinels: [{ host: 'a', port: 1 }],
  });
});
