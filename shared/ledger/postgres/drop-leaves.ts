import type pg from 'pg';
import { verifyStatementTimeoutMs } from '../../limits.ts';
import { execute } from './execute.ts';
import { toOdometerError } from './shard-error.ts';
import { type ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const readLeaves = loadSql('read-leaves');

/** A leaf, or what a detaching has left of one. */
export interface Leaf {
  readonly leaf: string;
  readonly state: 'attached' | 'pending' | 'detached';
  /** Those that it is for, in days since 1970-01-01. */
  readonly days: readonly number[];
}

/** In the order in which they can be detached: one whose detaching was cut off comes first. */
export async function leavesOf(client: pg.ClientBase): Promise<readonly Leaf[]> {
  return (await execute<Leaf & pg.QueryResultRow>(client, readLeaves)).rows;
}

/** `unfinished`: why some of the leaves are still there; the next closing goes on with them. */
export interface DroppedLeaves {
  readonly leavesDropped: number;
  readonly unfinished: string | null;
}

/** Drops the leaves all of whose days are closed. What fails here leaves the days closed, and so is no error. */
export async function dropClosedLeaves(owner: ShardPool, closedBefore: number): Promise<DroppedLeaves> {
  let leavesDropped = 0;
  try {
    await withConnection(owner, async (client) => {
      await execute(client, 'set lock_timeout = 0');
      for (const leaf of await leavesOf(client)) {
        if (leaf.days.length === 0 || leaf.days.some((day) => day >= closedBefore)) continue;
        await dropLeaf(client, leaf);
        leavesDropped += 1;
      }
      await execute(client, 'reset lock_timeout');
    });
    return { leavesDropped, unfinished: null };
  } catch (error) {
    const { code, message } = toOdometerError(error);
    return { leavesDropped, unfinished: `${code}: ${message}` };
  }
}

/**
 * CONCURRENTLY, so that nobody who reads or commits waits; it cannot run in a transaction. It waits for whoever has read the
 * table before, and holds no lock meanwhile, so it may wait longer than others: lock_timeout would cut it off behind every
 * report.
 */
async function dropLeaf(client: pg.ClientBase, { leaf, state }: Leaf): Promise<void> {
  // Names of leaves are letters, digits and underscores: `readLeaves` finds no others.
  if (state !== 'detached') {
    const how = state === 'pending' ? 'finalize' : 'concurrently';
    await patiently(client, `alter table usage_events detach partition "${leaf}" ${how}`);
  }
  await patiently(client, `drop table "${leaf}"`);
}

async function patiently(client: pg.ClientBase, text: string): Promise<void> {
  await execute(client, text, undefined, verifyStatementTimeoutMs);
}
