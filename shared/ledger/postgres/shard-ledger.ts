/**
 * One shard as the flusher's ledger. One connection a partition, named `flusher:<partition>`, and a few for
 * everything else. Whatever fails discards its connection: the server rolls an open transaction back when it
 * sees the socket close, and the next call gets a new, checked connection.
 *
 *   BEGIN -> work -> ROLLBACK                      rolled-back   (also when the ROLLBACK itself is lost)
 *                 -> COMMIT -> answer              committed
 *                           -> refused             throws        (the server answered that it did not)
 *                           -> no answer           unknown       (`nextOffset` decides)
 *         -> throws                                throws        (connection discarded)
 */
import type pg from 'pg';
import { failure, invariant } from '../../errors.ts';
import { formatDay } from '../../events/calendar.ts';
import {
  eventDaysMax,
  idleInTransactionTimeoutMs,
  lockTimeoutMs,
  shardControlConnectionsMax,
  statementTimeoutMs,
  stuckTransactionMs,
} from '../../limits.ts';
import type { LoggedHead } from '../chain-check.ts';
import type { PartitionPosition } from '../shard-figures.ts';
import type {
  Observation,
  PartitionPlace,
  Progress,
  RangeTransaction,
  ShardLedger,
  TransactionOutcome,
} from '../shard-ledger.ts';
import { execute } from './execute.ts';
import { rangeTransaction } from './range-transaction.ts';
import { readPositions } from './read-positions.ts';
import { toSafeInteger } from './row-values.ts';
import { isLockTimeout, leavesCommitUnknown } from './shard-error.ts';
import { IdentityCheck } from './shard-identity.ts';
import { type ShardListeners, ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const beginRange = loadSql('begin-range');
const readProgress = loadSql('read-progress');
const readHeads = loadSql('read-heads');
const observeLog = loadSql('observe');
const makeDays = loadSql('make-days');
const lockNextOffset = loadSql('lock-next-offset');
const haltPartition = loadSql('halt-partition');
const endStuckSessions = loadSql('end-stuck-sessions');

export interface ShardLedgerSettings extends ShardListeners {
  /** DSN of the writer login. */
  readonly url: string;
  readonly shard: number;
  readonly mapVersion: number;
}

/** The ledger of one shard; connects when it is first used. */
export function createShardLedger(settings: ShardLedgerSettings): ShardLedger {
  return new PostgresLedger(settings);
}

interface ProgressRow {
  readonly partition: number;
  readonly generation: number;
  readonly next_offset: string;
  readonly record_hash: Buffer | null;
  readonly halted: boolean;
  readonly checked_ranges: number;
  readonly closed_before: number | null;
}

interface HeadRow {
  readonly partition: number;
  readonly sequence: string;
  readonly hash: string;
}

interface MadeDay {
  readonly day: number;
  readonly leaf: string | null;
}

class PostgresLedger implements ShardLedger {
  readonly shard: number;
  readonly #settings: ShardLedgerSettings;
  readonly #identity: IdentityCheck;
  readonly #control: ShardPool;
  readonly #writers = new Map<number, ShardPool>();
  /** The leaf of each day that was asked for; an open day keeps its leaf. */
  readonly #leaves = new Map<number, string>();

  constructor(settings: ShardLedgerSettings) {
    this.shard = settings.shard;
    this.#settings = settings;
    this.#identity = new IdentityCheck(settings);
    this.#control = this.#createPool('flusher', shardControlConnectionsMax);
  }

  topicId(): Promise<string> {
    return withConnection(this.#control, (client) => this.#identity.check(client));
  }

  async progress(): Promise<readonly Progress[]> {
    const { rows } = await this.#controlled<ProgressRow>(readProgress);
    return rows.map((row) => ({
      partition: row.partition,
      generation: row.generation,
      nextOffset: toSafeInteger(row.next_offset),
      recordHash: row.record_hash,
      halted: row.halted,
      checkedRanges: row.checked_ranges,
      closedBefore: row.closed_before,
    }));
  }

  positions(): Promise<readonly PartitionPosition[]> {
    return withConnection(this.#control, (client) => readPositions(client));
  }

  async heads(): Promise<readonly LoggedHead[]> {
    const { rows } = await this.#controlled<HeadRow>(readHeads);
    return rows.map(({ partition, sequence, hash }) => {
      return { partition, sequence: toSafeInteger(sequence), hash };
    });
  }

  async observe(observations: readonly Observation[]): Promise<void> {
    if (observations.length === 0) return;
    await this.#controlled(observeLog, [
      observations.map((observation) => observation.partition),
      observations.map((observation) => observation.generation),
      observations.map((observation) => observation.logEnd),
      observations.map((observation) => observation.observedAtMs),
      observations.map((observation) => observation.completeThroughMs),
    ]);
  }

  async ensureDays(days: readonly number[]): Promise<ReadonlySet<number>> {
    const closed = new Set<number>();
    // More than one statement makes only where one envelope holds more days than ingest accepts.
    for (let first = 0; first < days.length; first += eventDaysMax) {
      const some = days.slice(first, first + eventDaysMax);
      const { rows } = await this.#controlled<MadeDay>(makeDays, [some.map(formatDay)]);
      for (const { day, leaf } of rows) {
        if (leaf !== null) this.#leaves.set(day, leaf);
        else {
          this.#leaves.delete(day);
          closed.add(day);
        }
      }
    }
    return closed;
  }

  async transaction<T>(
    partition: number,
    work: (transaction: RangeTransaction) => Promise<{ readonly commit: boolean; readonly value: T }>,
  ): Promise<TransactionOutcome<T>> {
    const client = await this.#writer(partition).connect();
    const { mapVersion } = this.#settings;
    let usable = false;
    try {
      await execute(client, beginRange);
      const { commit, value } = await work(
        rangeTransaction(client, { partition, mapVersion, leaves: this.#leaves }),
      );
      if (!commit) {
        usable = await rollBack(client);
        return { kind: 'rolled-back', value };
      }
      usable = await commitKnown(client);
      return { kind: usable ? 'committed' : 'unknown', value };
    } catch (error) {
      if (isLockTimeout(error)) await this.#endStuck(partition);
      throw error;
    } finally {
      client.release(!usable);
    }
  }

  async nextOffset(partition: number): Promise<number> {
    try {
      return await withConnection(this.#writer(partition), async (client) => {
        const { rows } = await execute<{ next_offset: string }>(client, lockNextOffset, [partition]);
        const [row] = rows;
        invariant(row !== undefined, `this shard has no partition ${partition}`);
        return toSafeInteger(row.next_offset);
      });
    } catch (error) {
      if (isLockTimeout(error)) await this.#endStuck(partition);
      throw error;
    }
  }

  async halt(
    { partition, generation, nextOffset }: PartitionPlace,
    { code, reason }: { readonly code: string; readonly reason: string },
  ): Promise<void> {
    await this.#controlled(haltPartition, [partition, code, reason, generation, nextOffset]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#control, ...this.#writers.values()].map((pool) => pool.end()));
  }

  #controlled<Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>> {
    return withConnection(this.#control, (client) => execute<Row>(client, text, values));
  }

  /** The pool of one partition's only connection. */
  #writer(partition: number): ShardPool {
    const known = this.#writers.get(partition);
    if (known !== undefined) return known;
    const pool = this.#createPool(writerName(partition), 1);
    this.#writers.set(partition, pool);
    return pool;
  }

  #createPool(applicationName: string, connectionsMax: number): ShardPool {
    const { url, logger, onRefused } = this.#settings;
    return new ShardPool({
      url,
      identity: this.#identity,
      applicationName,
      connectionsMax,
      lockTimeoutMs,
      statementTimeoutMs,
      idleInTransactionTimeoutMs,
      logger,
      onRefused,
    });
  }

  /** Ends sessions that hold a partition's row for too long; the caller tries its range again. */
  async #endStuck(partition: number): Promise<void> {
    const { logger } = this.#settings;
    try {
      const { rows } = await this.#controlled(endStuckSessions, [writerName(partition), stuckTransactionMs]);
      if (rows.length > 0) logger?.warn({ partition, sessions: rows }, 'ended stuck writer sessions');
    } catch (error) {
      // The caller throws the lock timeout; this is tried again after the next one.
      logger?.warn({ partition, ...failure(error) }, 'could not end stuck writer sessions');
    }
  }
}

function writerName(partition: number): string {
  return `flusher:${partition}`;
}

/** Whether the connection is usable afterwards; a lost connection is rolled back by the server. */
async function rollBack(client: pg.ClientBase): Promise<boolean> {
  try {
    await execute(client, 'rollback');
    return true;
  } catch {
    return false;
  }
}

/** True when the server answered that it committed, false when there is no answer. */
async function commitKnown(client: pg.ClientBase): Promise<boolean> {
  let command: string;
  try {
    ({ command } = await execute(client, 'commit'));
  } catch (error) {
    if (leavesCommitUnknown(error)) return false;
    throw error;
  }
  // COMMIT of a failed transaction answers ROLLBACK without an error.
  invariant(command === 'COMMIT', 'work asked to commit a transaction that had failed');
  return true;
}
