import type pg from 'pg';
import { readAnswerTimeoutMs } from '../../limits.ts';
import type { KeptAside, KeptPlace, KeptRecord } from '../event-lookup.ts';
import { execute } from './execute.ts';
import type { ReadingPool } from './reader-pool.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';
import { acrossTenants } from './tenant.ts';

const listConflicts = loadSql('list-kept-conflicts');
const listRecords = loadSql('list-kept-records');
const readRecord = loadSql('read-kept-record');

interface ConflictRow {
  readonly partition: number;
  readonly generation: number;
  readonly offset: string;
  readonly index: number;
  readonly organization_id: string;
  readonly key_hash: string;
  readonly day: number;
  readonly first_day: number;
  readonly at_us: string;
}

interface RecordRow {
  readonly partition: number;
  readonly generation: number;
  readonly offset: string;
  readonly index: number;
  readonly code: string;
  readonly size: number;
  readonly at_us: string;
}

/** What each shard keeps aside, of all organizations, by pools of the reader login in shard order. */
export function createKeptAside(pools: readonly ReadingPool[]): readonly KeptAside[] {
  return pools.map((pool, shard) => {
    const read = <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]) =>
      acrossTenants(
        pool,
        async (client) => (await execute<Row>(client, text, values, readAnswerTimeoutMs)).rows,
      );
    return {
      shard,
      conflicts: async (before, rowsMax) =>
        (await read<ConflictRow>(listConflicts, [...columnsOf(before), rowsMax])).map((row) => ({
          ...{ partition: row.partition, generation: row.generation, index: row.index },
          ...{ organization: row.organization_id, day: row.day },
          ...{ keyHash: fromUuid(row.key_hash), firstDay: row.first_day, atUs: row.at_us },
          offset: toSafeInteger(row.offset),
        })),
      quarantined: async (before, rowsMax) =>
        (await read<RecordRow>(listRecords, [...columnsOf(before), rowsMax])).map(fromRowRecord),
      quarantinedAt: async ({ partition, generation, offset, index }) => {
        const values = [partition, generation, offset, index];
        const [row] = await read<RecordRow & { bytes: Buffer }>(readRecord, values);
        return row === undefined ? null : { ...fromRowRecord(row), bytes: row.bytes };
      },
    };
  });
}

function columnsOf(before: KeptPlace | null): readonly unknown[] {
  return [
    before?.atUs ?? null,
    before?.partition ?? null,
    before?.generation ?? null,
    before?.offset ?? null,
    before?.index ?? null,
  ];
}

function fromRowRecord(row: RecordRow): KeptRecord {
  const { partition, generation, index, code, size, at_us: atUs } = row;
  return { partition, generation, index, code, size, atUs, offset: toSafeInteger(row.offset) };
}
