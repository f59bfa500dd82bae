import type pg from 'pg';
import type { PartitionPosition } from '../shard-figures.ts';
import { execute } from './execute.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const readPositionsSql = loadSql('read-positions');

interface PositionRow {
  readonly partition: number;
  readonly next_offset: string;
  readonly ledger_end: string;
  readonly halt_code: string | null;
}

/** In partition order and in one snapshot; the logins of writer and reader may both ask. */
export async function readPositions(
  client: pg.ClientBase,
  answerTimeoutMs?: number,
): Promise<readonly PartitionPosition[]> {
  const { rows } = await execute<PositionRow>(client, readPositionsSql, undefined, answerTimeoutMs);
  return rows.map((row) => ({
    partition: row.partition,
    nextOffset: toSafeInteger(row.next_offset),
    ledgerEnd: toSafeInteger(row.ledger_end),
    haltCode: row.halt_code,
  }));
}
