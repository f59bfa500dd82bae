/** The first container: every password and key, made once, into the volume that the others read. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonAtomically } from '../processes/atomic-file.ts';
import { loadSecrets } from '../servers/secrets.ts';
import { redisHost, secretsDir, shardUrls } from './addresses.ts';

const folder = process.argv[2] ?? secretsDir;
const secrets = loadSecrets(folder);
/** What our roles resolve `secret:<name>` by: the secrets, and the addresses that hold one. */
writeJsonAtomically(join(folder, 'roles.json'), {
  ...secrets,
  'redis-url': `redis://:${secrets['redis-password']}@${redisHost}:6379`,
  'shard-reader-urls': shardUrls('odometer_reader', secrets['odometer_reader-password']).join(','),
  'shard-writer-urls': shardUrls('odometer_writer', secrets['odometer_writer-password']).join(','),
});
// The servers run as users of their own and read one password each.
for (const name of ['postgres-password', 'redis-password'] as const) {
  writeFileSync(join(folder, name), secrets[name], { mode: 0o644 });
}
