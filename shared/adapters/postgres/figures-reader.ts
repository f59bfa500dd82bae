import { invariant } from '../../domain/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import type { FiguresReader, LedgerWindow } from '../../ports/shard-figures.ts';
import { execute } from './execute.ts';
import { readPlaces } from './read-places.ts';
import { createReaderPool } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const measureWindow = loadSql('measure-window');

export interface FiguresReaderSettings {
  /** DSNs of the reader login, in shard order. */
  readonly urls: readonly string[];
  readonly logger?: Logger;
}

interface WindowRow {
  readonly inserted: string;
  readonly duplicate: string;
  readonly conflicts: string;
  readonly quarantined: string;
  readonly write_statements: string;
}

/** Reads figures as the reader login; connects when it is first used. */
export function createFiguresReader({ urls, logger }: FiguresReaderSettings): FiguresReader {
  const pools = urls.map((url, shard) => createReaderPool(url, shard, 'metrics', logger));
  return {
    async read(shard, windowSeconds) {
      const pool = pools[shard];
      invariant(pool !== undefined, `there is no shard ${shard}`);
      return withConnection(pool, async (client) => {
        const { rows } = await execute<WindowRow>(client, measureWindow, [windowSeconds]);
        invariant(rows[0] !== undefined, 'an aggregate has one row');
        return { window: fromRowWindow(rows[0]), places: await readPlaces(client) };
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
