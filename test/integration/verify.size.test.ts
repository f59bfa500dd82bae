/** What `verify` costs for one day does not grow with what the ledger, the rows and the totals of other days hold. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { loadSql } from '../../shared/ledger/postgres/sql.ts';
import { homeOf, partitions } from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards } from '../harness/pipeline/isolation.ts';

const { partition, shard } = homeOf('org_1');
const day = '2026-11-20';
const commits = 200_000;
let shards: FreshShards;

/** A ledger of more than five hours, of which one commit in 100 inserted into the day, 20,000 of its events in all. */
const fill = `
  select make_usage_day('${day}');
  set session_replication_role = replica;
  insert into commit_ledger (partition, sequence, generation, from_offset, to_offset, records, seen, inserted, duplicate,
    quarantined, foreign_records, write_statements, segment_version, map_version, source, days, previous_hash, hash,
    committed_at, conflicts)
  select ${partition}, n, 1, n, n + 1, 1, 10, 10, 0, 0, 0, 4, 1, 1, 'segments', jsonb_build_array(jsonb_build_object(
      'day', case when n % 100 = 0 then '${day}' else '2026-10-' || 10 + n % 20 end, 'count', 10,
      'digest', repeat('a', 64), 'sums', repeat('b', 64))),
    decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), now(), 0
  from generate_series(1, ${commits}) n;
  insert into usage_events (key_hash, fingerprint, "offset", event_time, created_at, index, event_day, shard_id,
    partition, undated, quantity, organization_id, metric_name, idempotency_key)
  select gen_random_uuid(), gen_random_uuid(), n / 10 * 100 + 100, '${day}'::timestamptz, now(), n % 10, '${day}', ${shard},
    ${partition}, false, 1.5, 'org_' || n % 100, 'api_calls', 'key-' || n
  from generate_series(0, 19999) n;
  insert into usage_rollups (partition, organization_id, metric_name, quarter, total, event_count)
  select ${partition}, 'org_' || n % 100, 'api_calls', timestamptz '2026-01-01' + n / 100 * interval '15 minutes', 1, 1
  from generate_series(0, 199999) n;
  insert into commit_ledger (partition, sequence, generation, from_offset, to_offset, records, seen, inserted, duplicate,
    quarantined, foreign_records, write_statements, segment_version, map_version, source, days, previous_hash, hash,
    committed_at, conflicts, decided_by, decided_why)
  select partition, sequence + 1, 1, to_offset, to_offset, 0, 0, 0, 0, 0, 0, 4, 1, 1, 'decision',
    '[{"day": "${day}", "count": 20000, "digest": null, "sums": "b"}]', hash, hash, now(), 0, 'x', 'x'
  from commit_ledger where sequence = ${commits};
  analyze usage_events, commit_ledger, usage_rollups`;

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-verify-size', partitions });
  await inSession(shards.superuserUrls[shard] ?? '', (client) => client.query(fill));
});
afterAll(() => shards.drop());

describe('U12: a day is compared in bounded time', () => {
  it.each([
    ['find-row-mismatches', [day], 2000],
    ['find-sum-mismatches', [day], 2000],
    ['find-total-mismatches', [day, 100], 100],
  ] as const)('%s with 200,000 commits in the ledger and little memory', async (name, values, found) => {
    await inSession(shards.operatorUrls[shard] ?? '', async (client) => {
      await client.query(`set work_mem = '4MB'; set statement_timeout = '20s'`);
      expect((await client.query(loadSql(name), [...values])).rows).toHaveLength(found);
    });
  });
});

/** Pages that a statement reads, also in functions that it calls. */
async function pagesRead(name: Parameters<typeof loadSql>[0], values: readonly unknown[]): Promise<number> {
  return inSession(shards.operatorUrls[shard] ?? '', async (client) => {
    const text = `explain (analyze, buffers, format json) ${loadSql(name)}`;
    const [row] = (
      await client.query<{ 'QUERY PLAN': readonly { Plan: Record<string, number> }[] }>(text, [...values])
    ).rows;
    const { Plan: plan } = row?.['QUERY PLAN'][0] ?? {};
    return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
  });
}

describe('U12: what does not grow with other days', () => {
  it.each([
    ['digest-day', [day]],
    ['find-closed-mismatches', [day]],
  ] as const)('%s reads the totals of the day only', async (name, values) => {
    const [size] = await shards.query(
      shard,
      `select relpages::int as pages from pg_class where relname = 'usage_rollups'`,
    );
    expect(await pagesRead(name, values)).toBeLessThan(Number(size?.['pages']) / 4);
  });

  it('the list of days reads no row', async () => {
    await inSession(shards.operatorUrls[shard] ?? '', async (client) => {
      const { rows } = await client.query(`explain ${loadSql('read-days')}`);
      expect(JSON.stringify(rows)).not.toContain('usage_events');
    });
  });
});
