/** One shard of fresh ones with its clients, for tests of what is written into it and what is proved of it. */
import { oneStatement } from '../../../localstack/servers/postgres-session.ts';
import { formatDay } from '../../../shared/events/calendar.ts';
import { createShardControl } from '../../../shared/ledger/postgres/shard-control.ts';
import { createShardLedger } from '../../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardControl } from '../../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../../shared/ledger/shard-ledger.ts';
import { routeMapVersion } from '../../../shared/log/routing.ts';
import { partitions } from '../builders/ledger.ts';
import { type FreshShards, freshShards } from './isolation.ts';

export interface OneShard {
  readonly shards: FreshShards;
  readonly ledger: ShardLedger;
  readonly control: ShardControl;
  /** Ends the clients and drops the shards. */
  readonly drop: () => Promise<void>;
}

export async function oneShard(topicId: string, shard: number): Promise<OneShard> {
  const shards = await freshShards({ topicId, partitions });
  const url = shards.writerUrls[shard] ?? '';
  const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
  const ownerUrl = shards.ownerUrls[shard] ?? '';
  const operatorUrl = shards.operatorUrls[shard] ?? '';
  const control = createShardControl({ ownerUrl, operatorUrl, shard, mapVersion: routeMapVersion });
  const drop = async () => {
    await Promise.all([ledger.close(), control.close()]);
    await shards.drop();
  };
  return { shards, ledger, control, drop };
}

/** Keeps tables as they are now; the function that it answers makes them so again. */
export async function keepTables(
  superuserUrl: string | undefined,
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const each = async (statementFor: (table: string) => string) => {
    for (const table of tables) await oneStatement(superuserUrl ?? '', statementFor(table));
  };
  await each((table) => `create table kept_${table} as select * from ${table}`);
  return () => each((table) => `truncate ${table}; insert into ${table} select * from kept_${table}`);
}

/** The statements that make a leaf of this name for these days, as a day first counted while it was young has one. */
export function leafSql(leaf: string, days: readonly number[]): string {
  const values = days.map((day) => `'${formatDay(day)}'`);
  return `create table ${leaf} (like usage_events including defaults including constraints);
    alter table ${leaf} owner to odometer_owner;
    grant select, insert on ${leaf} to odometer_writer;
    alter table usage_events attach partition ${leaf} for values in (${values.join()});`;
}
