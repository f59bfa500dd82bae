import pg from 'pg';
import { expect, inject, it } from 'vitest';
import { sessionsLeft } from '../harness/leaks/sessions.ts';
import { freshShards } from '../harness/pipeline/isolation.ts';

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'planted' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

it('a session that is left on a server is found, and one that has ended is not', async () => {
  const [url = ''] = inject('servers').superuserUrls;
  const client = await connect(url);
  expect(await sessionsLeft(url)).toEqual(['a session is open on Postgres: postgres of planted in postgres']);
  await client.end();
  expect(await sessionsLeft(url)).toEqual([]);
});

it('databases are dropped under whoever is still connected, and who it was is an error', async () => {
  const shards = await freshShards({ topicId: 'topic-leaks', partitions: 8 });
  const client = await connect(shards.writerUrls[2] ?? '');
  await expect(shards.drop()).rejects.toThrow(
    /^a session is open on Postgres: odometer_writer of planted in test_/,
  );
  await client.end();
  await expect(connect(shards.writerUrls[2] ?? '')).rejects.toMatchObject({ code: '3D000' });
});
