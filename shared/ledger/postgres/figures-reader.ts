import { invariant } from '../../errors.ts';
import { readAnswerTimeoutMs } from '../../limits.ts';
import type { FiguresReader, LedgerWindow } from '../shard-figures.ts';
import { execute } from './execute.ts';
import { readPositions } from './read-positions.ts';
import { createReaderPools, type ReaderPoolsSettings, withReading } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const measureWindow = loadSql('measure-window');

interface WindowRow {
  readonly inserted: string;
  readonly duplicate: string;
  readonly conflicts: string;
  readonly quarantined: string;
  readonly write_statements: string;
}

/** Reads figures as the reader login; connects when it is first used. */
export function createFiguresReader(settings: ReaderPoolsSettings): FiguresReader {
  const pools = createReaderPools(settings, 'metrics');
  return {
    async read({ shard, windowSeconds }) {
      const pool = pools[shard];
      invariant(pool !== undefined, `there is no shard ${shard}`);
      return withReading(pool, async (client) => {
        const values = [windowSeconds];
        const { rows } = await execute<WindowRow>(client, measureWindow, values, readAnswerTimeoutMs);
        invariant(rows[0] !== undefined, 'an aggregate has one row');
        return {
          window: fromRowWindow(rows[0]),
          positions: await readPositions(client, readAnswerTimeoutMs),
        };
      });
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

function fromRowWindow(row: WindowRow): LedgerWindow {
  return {
    inserted: toSafeInteger(row.inserted),
    duplicate: toSafeInteger(row.duplicate),
    conflicts: toSafeInteger(row.conflicts),
    quarantined: toSafeInteger(row.quarantined),
    writeStatements: toSafeInteger(row.write_statements),
  };
}
