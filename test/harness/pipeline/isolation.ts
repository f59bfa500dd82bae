/** What keeps test files apart that share servers: databases, topics and a Redis of their own. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { inSession, oneStatement } from '../../../localstack/servers/postgres-session.ts';
import { databaseUrl, provisionShard, setServicePasswords } from '../../../localstack/servers/provision.ts';
import { ensureTopic } from '../../../localstack/servers/topic-admin.ts';
import { migrateShard } from '../../../migrations/migrate.ts';
import { type ShardLogin, shardLogins } from '../../../shared/contracts/shards.ts';
import { logGeneration, usageTopic } from '../../../shared/contracts/topic.ts';
import { partitionsOf, routeMapVersion } from '../../../shared/log/routing.ts';
import { sessionsLeft } from '../leaks/sessions.ts';

const partitionsDefault = 20;

/** A topic that no other file uses. */
export interface FreshTopic {
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: number;
}

/** Four migrated databases that no other file uses; DSNs in shard order. */
export interface FreshShards {
  readonly ownerUrls: readonly string[];
  readonly writerUrls: readonly string[];
  readonly readerUrls: readonly string[];
  readonly authorizerUrls: readonly string[];
  readonly keysUrls: readonly string[];
  /** The role `billing`. */
  readonly operatorUrls: readonly string[];
  readonly superuserUrls: readonly string[];
  /** Rows of one statement on one shard, as the login `billing` sees them. */
  query(shard: number, sql: string): Promise<Rows>;
  /** Drops the databases, whoever is still connected, and then throws if somebody was. */
  drop(): Promise<void>;
}

export type Rows = readonly Record<string, unknown>[];

/** Creates a topic with the settings of the real one. */
export async function freshTopic(partitions = partitionsDefault): Promise<FreshTopic> {
  const bootstrapServers = inject('servers').kafka;
  const topic = `test.${suffix()}`;
  const { settings } = usageTopic;
  const { topicId } = await ensureTopic({
    bootstrapServers,
    topic,
    partitions,
    replicationFactor: 1,
    settings,
  });
  return { bootstrapServers, topic, topicId, partitions };
}

/**
 * Creates four databases and migrates each for its partitions of the topic (a database is bound to one topic
 * by its identity row, U9, so a template that is migrated already would belong to another). Call it in
 * `beforeAll`, and `drop` in `afterAll`.
 */
export async function freshShards(topic: Pick<FreshTopic, 'topicId' | 'partitions'>): Promise<FreshShards> {
  const { superuserUrls, passwords } = inject('servers');
  const database = `test_${suffix()}`;
  const urls = superuserUrls.map((url) => databaseUrl(url, database));
  const as = (login: ShardLogin): readonly string[] =>
    urls.map((text) => {
      const url = new URL(text);
      url.username = shardLogins[login].role;
      url.password = passwords[login];
      return url.href;
    });
  const ownerUrls = as('owner');
  const operatorUrls = as('operator');
  await Promise.all(
    ownerUrls.map(async (ownerUrl, shard) => {
      const superuserUrl = superuserUrls[shard] ?? '';
      await provisionShard({ superuserUrl, database, ownerPassword: passwords.owner });
      await migrateShard({ ownerUrl, shard, ...identityOf(shard, topic) });
      await setServicePasswords(ownerUrl, passwords);
    }),
  );
  return {
    ownerUrls,
    writerUrls: as('writer'),
    readerUrls: as('reader'),
    authorizerUrls: as('authorizer'),
    keysUrls: as('keys'),
    operatorUrls,
    superuserUrls: urls,
    query: (shard, sql) => rowsOf(operatorUrls[shard] ?? '', sql),
    drop: async () => {
      const left = await Promise.all(superuserUrls.map((url) => sessionsLeft(url, { database })));
      const statement = `drop database ${database} with (force)`;
      await Promise.all(superuserUrls.map((url) => oneStatement(url, statement)));
      if (left.flat().length > 0) throw new Error(left.flat().join('\n'));
    },
  };
}

/** What a migrated shard says of the topic that it belongs to. */
function identityOf(shard: number, { topicId, partitions }: Pick<FreshTopic, 'topicId' | 'partitions'>) {
  return {
    topicId,
    mapVersion: routeMapVersion,
    partitions: partitionsOf({ shard, partitions }),
    generation: logGeneration,
  };
}

/** Rows of one statement, for tests that look into a database by themselves. */
// Same type: an address is no statement; the first call fails.
export function rowsOf(url: string, sql: string): Promise<Rows> {
  return inSession(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);
}

function suffix(): string {
  return randomBytes(6).toString('hex');
}
