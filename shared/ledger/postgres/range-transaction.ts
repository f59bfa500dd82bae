import type pg from 'pg';
import { invariant } from '../../errors.ts';
import { formatDay } from '../../events/calendar.ts';
import type { Rollup } from '../../segments/rollup.ts';
import type { Refusal } from '../../segments/segment.ts';
import { type ChainedCommit, chainStart } from '../commit-hash.ts';
import type { CountedRow, KeyProbe } from '../deduplicate.ts';
import type { Conflict, DayLoad } from '../load.ts';
import type { CommitRecord, LoadOutcome, RangeTransaction } from '../shard-ledger.ts';
import { commitValues } from './commit-values.ts';
import { copyDay } from './copy-day.ts';
import { execute } from './execute.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const moveProgress = loadSql('move-progress');
const findCounted = loadSql('find-counted');
const addRollups = loadSql('add-rollups');
const addQuarantine = loadSql('add-quarantine');
const addConflicts = loadSql('add-conflicts');
const addCommit = loadSql('add-commit');

interface MovedRow {
  readonly moved: boolean;
  readonly generation: number;
  readonly committed_at_ms: string;
  readonly sequence: string | null;
  readonly hash: Buffer | null;
}

interface FoundRow {
  readonly key_hash: string;
  readonly fingerprint: string;
  readonly offset: string;
  readonly index: number;
}

/** Where the partition's ledger stands; known once progress has moved. */
interface LedgerHead {
  readonly partition: number;
  readonly generation: number;
  readonly sequence: number;
  readonly hash: Buffer;
  readonly committedAtMs: number;
}

/** The statements of one range, on a connection that has a transaction open. */
export class PostgresRange implements RangeTransaction {
  readonly #client: pg.ClientBase;
  readonly #mapVersion: number;
  #head: LedgerHead | undefined;
  #written = 0;

  constructor(client: pg.ClientBase, mapVersion: number) {
    this.#client = client;
    this.#mapVersion = mapVersion;
  }

  get writeStatements(): number {
    return this.#written;
  }

  async moveProgress(
    partition: number,
    from: number,
    to: number,
    recordHash: Buffer,
    checkedRanges: number,
  ): Promise<boolean> {
    const rows = await this.#write<MovedRow>(moveProgress, [partition, from, to, recordHash, checkedRanges]);
    const [row] = rows;
    invariant(row !== undefined, `this shard has no partition ${partition}`);
    if (!row.moved) return false;
    this.#head = {
      partition,
      generation: row.generation,
      sequence: toSafeInteger(row.sequence ?? '0'),
      hash: row.hash ?? chainStart,
      committedAtMs: toSafeInteger(row.committed_at_ms),
    };
    return true;
  }

  async findCounted(probes: readonly KeyProbe[]): Promise<readonly CountedRow[]> {
    const found: CountedRow[] = [];
    for (const { day, keyHashes } of probes) {
      // Hex digits need no quoting in an array literal.
      const rows = await this.#read<FoundRow>(findCounted, [formatDay(day), `{${keyHashes.join(',')}}`]);
      for (const row of rows) {
        found.push({
          keyHash: fromUuid(row.key_hash),
          day,
          fingerprint: fromUuid(row.fingerprint),
          offset: toSafeInteger(row.offset),
          index: row.index,
        });
      }
    }
    return found;
  }

  loadDay(rows: DayLoad): Promise<LoadOutcome> {
    this.#written += 1;
    return copyDay(this.#client, rows);
  }

  async addRollups(partition: number, rollups: readonly Rollup[]): Promise<void> {
    if (rollups.length === 0) return;
    await this.#write(addRollups, [
      partition,
      rollups.map((rollup) => rollup.organization),
      rollups.map((rollup) => rollup.metric),
      rollups.map((rollup) => rollup.quarter),
      rollups.map((rollup) => rollup.total),
      rollups.map((rollup) => rollup.count),
    ]);
  }

  async addQuarantine(partition: number, refusals: readonly Refusal[]): Promise<void> {
    if (refusals.length === 0) return;
    const { generation } = this.#movedHead(partition);
    await this.#write(addQuarantine, [
      partition,
      generation,
      refusals.map((refusal) => refusal.offset),
      refusals.map((refusal) => refusal.index),
      refusals.map((refusal) => refusal.code),
      refusals.map((refusal) => refusal.bytes),
    ]);
  }

  async addConflicts(partition: number, conflicts: readonly Conflict[]): Promise<void> {
    if (conflicts.length === 0) return;
    const { generation } = this.#movedHead(partition);
    await this.#write(addConflicts, [
      partition,
      generation,
      conflicts.map((conflict) => conflict.offset),
      conflicts.map((conflict) => conflict.index),
      conflicts.map((conflict) => conflict.organization),
      conflicts.map((conflict) => conflict.keyHash),
      conflicts.map((conflict) => formatDay(conflict.day)),
      conflicts.map((conflict) => conflict.fingerprint),
      conflicts.map((conflict) => formatDay(conflict.firstDay)),
      conflicts.map((conflict) => conflict.firstOffset),
      conflicts.map((conflict) => conflict.firstIndex),
      conflicts.map((conflict) => conflict.firstFingerprint),
    ]);
  }

  async addCommit(commit: CommitRecord): Promise<void> {
    const head = this.#movedHead(commit.partition);
    const days = commit.days.map(({ day, count, digest }) => ({ day: formatDay(day), count, digest }));
    const chained: ChainedCommit = {
      ...commit,
      sequence: head.sequence + 1,
      generation: head.generation,
      mapVersion: this.#mapVersion,
      days,
      decidedBy: null,
      decidedWhy: null,
      committedAtMs: head.committedAtMs,
    };
    await this.#write(addCommit, commitValues(head.hash, chained, commit.conflicts));
    this.#head = undefined;
  }

  #movedHead(partition: number): LedgerHead {
    const head = this.#head;
    invariant(head?.partition === partition, 'progress moves before anything is written beside it');
    return head;
  }

  #write<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    this.#written += 1;
    return this.#read<Row>(text, values);
  }

  async #read<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    return (await execute<Row>(this.#client, text, values)).rows;
  }
}
