/** What `npm start` does before our processes, for the containers: databases, logins, topic, migrations. */
import { ENV_KAFKA_BOOTSTRAP_SERVERS } from '../../shared/contracts/env.ts';
import { shardDatabase, shardLogins } from '../../shared/contracts/shards.ts';
import { invariant } from '../../shared/errors.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { prepareData } from '../prepare-data.ts';
import { say } from '../screen.ts';
import { provisionShard } from '../servers/provision.ts';
import { loadSecrets, passwordOf } from '../servers/secrets.ts';
import { brokers, secretsDir, shardUrls } from './addresses.ts';

const kafka = processEnvironment()[ENV_KAFKA_BOOTSTRAP_SERVERS];
invariant(kafka !== undefined, `${ENV_KAFKA_BOOTSTRAP_SERVERS} is not set`);
const secrets = loadSecrets(secretsDir);
const ownerPassword = passwordOf(secrets, 'owner');
const superuserUrls = shardUrls('postgres', secrets['postgres-password'], () => 'postgres');
await Promise.all(
  superuserUrls.map((superuserUrl, shard) =>
    provisionShard({ superuserUrl, database: shardDatabase(shard), ownerPassword }),
  ),
);
const shards = shardUrls(shardLogins.owner.role, ownerPassword).map((ownerUrl) => ({ ownerUrl }));
await prepareData({ kafka, replicationFactor: brokers, shards, secrets }, say);
