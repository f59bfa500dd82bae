import type pg from 'pg';
import { type ChainedCommit, chainStart } from '../commit-hash.ts';
import { nothingKept } from '../kept-digests.ts';
import type { DayLoad } from '../load.ts';
import type { LoadOutcome } from '../shard-ledger.ts';
import { commitValues } from './commit-values.ts';
import { copyDay } from './copy-day.ts';
import { execute } from './execute.ts';
import { loadSql } from './sql.ts';

const addCommit = loadSql('add-commit');

/** The last row of a partition's ledger; null before the first. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: Buffer;
}

/** A ledger row without what follows from the row before it and from the transaction that writes it. */
export type NewCommit = Omit<ChainedCommit, 'sequence' | 'writeStatements'>;

/** Of a decision: nothing is counted and nothing kept aside, and no segment is part of it. */
export const countedNothing = {
  ...{ seen: 0, inserted: 0, duplicate: 0, conflicts: 0, quarantined: 0, foreign: 0, segmentVersion: 0 },
  ...nothingKept,
} as const;

/**
 * The statements of one open transaction. Those that write are counted, because the ledger row says how many it took
 * up to itself, and that number is part of its hash.
 */
export class CountedWrites {
  readonly #client: pg.ClientBase;
  #written = 0;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  async read<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    return (await execute<Row>(this.#client, text, values)).rows;
  }

  write<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    this.#written += 1;
    return this.read<Row>(text, values);
  }

  copyDay(load: DayLoad, leaf: string): Promise<LoadOutcome> {
    this.#written += 1;
    return copyDay(this.#client, load, leaf);
  }

  /** Appends a row to the chain (U12); the statement counts itself. */
  async addCommit(end: ChainEnd | null, commit: NewCommit): Promise<void> {
    const writeStatements = this.#written + 1;
    const row: ChainedCommit = { ...commit, sequence: (end?.sequence ?? 0) + 1, writeStatements };
    await this.write(addCommit, commitValues(end?.hash ?? chainStart, row));
  }
}
