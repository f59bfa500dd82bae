/** The first container: every password and key, made once, into the volume that the others read. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { secretNames } from '../../shared/contracts/env.ts';
import { type ShardLogin, shardLogins } from '../../shared/contracts/shards.ts';
import { writeJsonAtomically } from '../processes/atomic-file.ts';
import { loadSecrets, passwordOf, type TwinSecrets } from '../servers/secrets.ts';
import { issueToken } from '../token-issuer.ts';
import { kafkaServers, redisHost, secretsDir, shardUrls } from './addresses.ts';

type Address = Exclude<(typeof secretNames)[keyof typeof secretNames], keyof TwinSecrets>;

const prometheusTokenHours = 365 * 24;
const folder = process.argv[2] ?? secretsDir;
const secrets = loadSecrets(folder);
const urlsOf = (login: ShardLogin) =>
  shardUrls(shardLogins[login].role, passwordOf(secrets, login)).join(',');
/** The addresses that hold a secret, or that functions deployed beside these containers need. */
const addresses: Record<Address, string> = {
  'redis-url': `redis://:${secrets['redis-password']}@${redisHost}:6379`,
  'kafka-bootstrap-servers': kafkaServers,
  'shard-reader-urls': urlsOf('reader'),
  'shard-authorizer-urls': urlsOf('authorizer'),
  'shard-keys-urls': urlsOf('keys'),
  'shard-writer-urls': urlsOf('writer'),
  'shard-operator-urls': urlsOf('operator'),
  'shard-owner-urls': urlsOf('owner'),
};
/** What our roles resolve `secret:<name>` by. */
writeJsonAtomically(join(folder, 'roles.json'), { ...secrets, ...addresses });
// The servers run as users of their own and read one password each.
for (const name of ['postgres-password', 'redis-password'] as const) {
  writeFileSync(join(folder, name), secrets[name], { mode: 0o644 });
}
// So does Prometheus; its token is made anew whenever the containers start.
const token = await issueToken(secrets['jwt-secret'], {
  caller: 'prometheus',
  scope: 'admin',
  organizations: '*',
  hours: prometheusTokenHours,
});
writeFileSync(join(folder, 'prometheus-token'), token, { mode: 0o644 });
