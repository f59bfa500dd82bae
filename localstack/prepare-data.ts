import { migrateShard } from '../migrations/migrate.ts';
import { usageTopic } from '../shared/contracts/topic.ts';
import { partitionsOf, routeMapVersion } from '../shared/log/routing.ts';
import { type ServiceLogin, setServicePasswords } from './servers/provision.ts';
import type { TwinSecrets } from './servers/secrets.ts';
import { ensureTopic } from './servers/topic-admin.ts';

/** The offsets of a new topic start here; an operator counts it up when they restart (U7). */
export const logGeneration = 1;

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
  const passwordOf = (login: ServiceLogin): string => servers.secrets[`${login}-password`];
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
        odometer_writer: passwordOf('odometer_writer'),
        odometer_reader: passwordOf('odometer_reader'),
        billing: passwordOf('billing'),
      });
      if (applied.length > 0) log(`shard${shard} is migrated (${applied.length} migrations)`);
    }),
  );
}
