/** The first container: every password and key, made once, into the volume that the others read. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { secretNames } from '../../shared/contracts/env.ts';
import { writeJsonAtomically } from '../processes/atomic-file.ts';
import { ownerLogin, type ServiceLogin } from '../servers/provision.ts';
import { loadSecrets, type TwinSecrets } from '../servers/secrets.ts';
import { kafkaServers, redisHost, secretsDir, shardUrls } from './addresses.ts';

type Address = Exclude<(typeof secretNames)[keyof typeof secretNames], keyof TwinSecrets>;

const folder = process.argv[2] ?? secretsDir;
const secrets = loadSecrets(folder);
const urlsOf = (login: ServiceLogin | typeof ownerLogin) =>
  shardUrls(login, secrets[`${login}-password`]).join(',');
/** The addresses that hold a secret, or that functions deployed beside these containers need. */
const addresses: Record<Address, string> = {
  'redis-url': `redis://:${secrets['redis-password']}@${redisHost}:6379`,
  'kafka-bootstrap-servers': kafkaServers,
  'shard-reader-urls': urlsOf('odometer_reader'),
  'shard-writer-urls': urlsOf('odometer_writer'),
  'shard-operator-urls': urlsOf('billing'),
  'shard-owner-urls': urlsOf(ownerLogin),
};
/** What our roles resolve `secret:<name>` by. */
writeJsonAtomically(join(folder, 'roles.json'), { ...secrets, ...addresses });
// The servers run as users of their own and read one password each.
for (const name of ['postgres-password', 'redis-password'] as const) {
  writeFileSync(join(folder, name), secrets[name], { mode: 0o644 });
}
