import { migrateShard } from '../migrations/migrate.ts';
import { logGeneration, usageTopic } from '../shared/contracts/topic.ts';
import { partitionsOf, routeMapVersion } from '../shared/log/routing.ts';
import { setServicePasswords } from './servers/provision.ts';
import { passwordOf, type TwinSecrets } from './servers/secrets.ts';
import { ensureTopic } from './servers/topic-admin.ts';

/** Running servers, with the owner login and the database of every shard made, in shard order. */
export interface DataServers {
  readonly kafka: string;
  readonly replicationFactor: number;
  readonly shards: readonly { readonly ownerUrl: string }[];
  readonly secrets: TwinSecrets;
}

/** Ensures the topic and brings every shard to the newest schema, bound to that topic (U9). */
export async function prepareData(servers: DataServers, log: (line: string) => void): Promise<void> {
  const { name: topic, partitions, settings } = usageTopic;
  const bootstrapServers = servers.kafka;
  const { topicId } = await ensureTopic({
    bootstrapServers,
    topic,
    partitions,
    replicationFactor: servers.replicationFactor,
    settings,
  });
  log(`topic ${topic} has ${partitions} partitions`);
  await Promise.all(
    servers.shards.map(async ({ ownerUrl }, shard) => {
      const home = partitionsOf({ shard, partitions });
      const request = {
        ownerUrl,
        shard,
        topicId,
        mapVersion: routeMapVersion,
        partitions: home,
        generation: logGeneration,
      };
      const { applied } = await migrateShard(request);
      await setServicePasswords(ownerUrl, {
        writer: passwordOf(servers.secrets, 'writer'),
        reader: passwordOf(servers.secrets, 'reader'),
        operator: passwordOf(servers.secrets, 'operator'),
        authorizer: passwordOf(servers.secrets, 'authorizer'),
        keys: passwordOf(servers.secrets, 'keys'),
      });
      if (applied.length > 0) log(`shard${shard} is migrated (${applied.length} migrations)`);
    }),
  );
}
