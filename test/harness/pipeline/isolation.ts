/** What keeps test files apart that share servers: databases, topics and a Redis of their own. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { inSession, oneStatement } from '../../../localstack/servers/postgres-session.ts';
import { databaseUrl, provisionShard, setServicePasswords } from '../../../localstack/servers/provision.ts';
import { ensureTopic } from '../../../localstack/servers/topic-admin.ts';
import { migrateShard } from '../../../migrations/migrate.ts';
import { usageTopic } from '../../../shared/contracts/topic.ts';
import { partitionsOf, routeMapVersion } from '../../../shared/log/routing.ts';

const partitionsDefault = 20;
const generation = 1;

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
  /** The login `billing`. */
  readonly operatorUrls: readonly string[];
  readonly superuserUrls: readonly string[];
  /** Drops the databases, whoever is still connected. */
  drop(): Promise<void>;
}

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
  const as = (login: keyof typeof passwords): readonly string[] =>
    urls.map((url) => asLogin(url, login, passwords[login]));
  const ownerUrls = as('odometer_owner');
  await Promise.all(
    ownerUrls.map(async (ownerUrl, shard) => {
      const superuserUrl = superuserUrls[shard] ?? '';
      await provisionShard({ superuserUrl, database, ownerPassword: passwords.odometer_owner });
      const partitions = partitionsOf({ shard, partitions: topic.partitions });
      await migrateShard({
        ownerUrl,
        shard,
        topicId: topic.topicId,
        mapVersion: routeMapVersion,
        partitions,
        generation,
      });
      await setServicePasswords(ownerUrl, passwords);
    }),
  );
  return {
    ownerUrls,
    writerUrls: as('odometer_writer'),
    readerUrls: as('odometer_reader'),
    operatorUrls: as('billing'),
    superuserUrls: urls,
    drop: async () => {
      await Promise.all(
        superuserUrls.map((url) => oneStatement(url, `drop database ${database} with (force)`)),
      );
    },
  };
}

/** Rows of one statement, for tests that look into a database by themselves. */
export function rowsOf(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  return inSession(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);
}

function asLogin(url: string, login: string, password: string): string {
  const changed = new URL(url);
  changed.username = login;
  changed.password = password;
  return changed.href;
}

function suffix(): string {
  return randomBytes(6).toString('hex');
}
