import type pg from 'pg';
import { invariant } from '../../errors.ts';
import { formatDay } from '../../events/calendar.ts';
import type { Rollup } from '../../segments/rollup.ts';
import type { Refusal } from '../../segments/segment.ts';
import type { CountedRow, KeyProbe } from '../deduplicate.ts';
import { digestOfConflicts, digestOfQuarantine, type KeptDigests, nothingKept } from '../kept-digests.ts';
import type { Conflict, DayLoad } from '../load.ts';
import type {
  CommitRecord,
  LoadOutcome,
  MovedRange,
  ProgressMove,
  RangeTransaction,
} from '../shard-ledger.ts';
import { type ChainEnd, CountedWrites } from './counted-writes.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const moveProgress = loadSql('move-progress');
const findCounted = loadSql('find-counted');
const addRollups = loadSql('add-rollups');
const addQuarantine = loadSql('add-quarantine');
const addConflicts = loadSql('add-conflicts');

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
  readonly undated: boolean;
  readonly event_time_ms: string;
}

/** What every range of a partition is written with. */
interface RangePlace {
  readonly partition: number;
  readonly mapVersion: number;
  /** The leaf of each day. */
  readonly leaves: ReadonlyMap<number, string>;
}

/** The transaction of one partition on a connection that has it open. */
export function rangeTransaction(client: pg.ClientBase, ids: RangePlace): RangeTransaction {
  const statements = new CountedWrites(client);
  return {
    async moveProgress(move) {
      const { generation, from, to, recordHash, checkedRanges, closedBefore } = move;
      const closed = closedBefore === null ? null : formatDay(closedBefore);
      const values = [ids.partition, from, to, recordHash, checkedRanges, closed, generation];
      const [row] = await statements.write<MovedRow>(moveProgress, values);
      invariant(row !== undefined, `this shard has no partition ${ids.partition}`);
      return row.moved ? new PostgresMovedRange(statements, { ...ids, ...move, ...fromMovedRow(row) }) : null;
    },
  };
}

/** What the statement that moved progress said. */
interface Moved {
  readonly generation: number;
  readonly committedAtMs: number;
  /** The last row of the ledger before this range. */
  readonly end: ChainEnd | null;
}

function fromMovedRow({ generation, committed_at_ms: committedAt, sequence, hash }: MovedRow): Moved {
  const end = sequence === null || hash === null ? null : { sequence: toSafeInteger(sequence), hash };
  return { generation, committedAtMs: toSafeInteger(committedAt), end };
}

type Range = Moved & Pick<ProgressMove, 'from' | 'to'> & RangePlace;

class PostgresMovedRange implements MovedRange {
  readonly #statements: CountedWrites;
  readonly #range: Range;
  #kept: KeptDigests = nothingKept;

  constructor(statements: CountedWrites, range: Range) {
    this.#statements = statements;
    this.#range = range;
  }

  async findCounted(probes: readonly KeyProbe[]): Promise<readonly CountedRow[]> {
    const found: CountedRow[] = [];
    for (const { day, keyHashes } of probes) {
      // Hex digits need no quoting in an array literal.
      const values = [formatDay(day), `{${keyHashes.join(',')}}`];
      for (const row of await this.#statements.read<FoundRow>(findCounted, values)) {
        found.push({
          keyHash: fromUuid(row.key_hash),
          day,
          fingerprint: fromUuid(row.fingerprint),
          offset: toSafeInteger(row.offset),
          index: row.index,
          undated: row.undated,
          eventTimeMs: toSafeInteger(row.event_time_ms),
        });
      }
    }
    return found;
  }

  loadDay(load: DayLoad): Promise<LoadOutcome> {
    const leaf = this.#range.leaves.get(load.day);
    invariant(leaf !== undefined, `the leaf of ${formatDay(load.day)} was not made`);
    return this.#statements.copyDay(load, leaf);
  }

  async addRollups(rollups: readonly Rollup[]): Promise<void> {
    if (rollups.length === 0) return;
    await this.#statements.write(addRollups, [
      this.#range.partition,
      rollups.map((rollup) => rollup.organization),
      rollups.map((rollup) => rollup.metric),
      rollups.map((rollup) => rollup.quarter),
      rollups.map((rollup) => rollup.total),
      rollups.map((rollup) => rollup.count),
    ]);
  }

  async addQuarantine(refusals: readonly Refusal[]): Promise<void> {
    if (refusals.length === 0) return;
    this.#kept = { ...this.#kept, quarantineDigest: digestOfQuarantine(refusals) };
    await this.#statements.write(addQuarantine, [
      this.#range.partition,
      this.#range.generation,
      refusals.map((refusal) => refusal.offset),
      refusals.map((refusal) => refusal.index),
      refusals.map((refusal) => refusal.code),
      refusals.map((refusal) => refusal.bytes),
    ]);
  }

  async addConflicts(conflicts: readonly Conflict[]): Promise<void> {
    if (conflicts.length === 0) return;
    this.#kept = { ...this.#kept, conflictsDigest: digestOfConflicts(conflicts) };
    await this.#statements.write(addConflicts, [
      this.#range.partition,
      this.#range.generation,
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
    const { end, partition, generation, mapVersion, from, to, committedAtMs } = this.#range;
    const days = commit.days.map(({ day, count, digest, sums }) => {
      return { day: formatDay(day), count, digest, sums };
    });
    await this.#statements.addCommit(end, {
      ...commit,
      ...this.#kept,
      ...{ partition, generation, mapVersion, from, to, committedAtMs, days },
      decidedBy: null,
      decidedWhy: null,
    });
  }
}
