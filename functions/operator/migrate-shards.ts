import { partitionsOf, routeMapVersion } from '../../shared/log/routing.ts';

/** Migrates one shard. A parameter, because it reads files, which a use case does not. */
export type MigrateShard = (migration: {
  readonly ownerUrl: string;
  readonly shard: number;
  readonly topicId: string;
  readonly mapVersion: number;
  readonly partitions: readonly number[];
  readonly generation: number;
}) => Promise<{ readonly applied: readonly string[] }>;

export interface MigrateShardsRequest {
  readonly ownerUrls: readonly string[];
  readonly topicId: string;
  readonly partitions: number;
  readonly generation: number;
}

/** Brings every shard to the newest schema and binds it to the topic (U9); what was applied, by shard. */
export async function migrateShards(
  request: MigrateShardsRequest,
  migrate: MigrateShard,
): Promise<readonly { readonly shard: number; readonly applied: readonly string[] }[]> {
  const { ownerUrls, topicId, generation } = request;
  return await Promise.all(
    ownerUrls.map(async (ownerUrl, shard) => {
      const partitions = partitionsOf({ shard, partitions: request.partitions });
      const home = { ownerUrl, shard, topicId, mapVersion: routeMapVersion, partitions, generation };
      return { shard, applied: (await migrate(home)).applied };
    }),
  );
}
