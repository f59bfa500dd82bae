import { invariant } from '../../domain/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import type { FiguresReader, ShardFigures } from '../../ports/shard-figures.ts';
import { execute } from './execute.ts';
import { createReaderPool } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const measureShard = loadSql('measure-shard');

export interface FiguresReaderSettings {
  /** DSNs of the reader login, in shard order. */
  readonly urls: readonly string[];
  readonly logger?: Logger;
}

interface FiguresRow {
  readonly inserted: string;
  readonly duplicate: string;
  readonly conflicts: string;
  readonly quarantined: string;
  readonly write_statements: string;
  /** `[partition, next offset, ledger end, halt code]` */
  readonly partitions: readonly (readonly [number, number, number, string | null])[];
}

/** Reads figures as the reader login; connects when it is first used. */
export function createFiguresReader({ urls, logger }: FiguresReaderSettings): FiguresReader {
  const pools = urls.map((url, shard) => createReaderPool(url, shard, 'metrics', logger));
  return {
    async read(shard, windowSeconds) {
      const pool = pools[shard];
      invariant(pool !== undefined, `there is no shard ${shard}`);
      const { rows } = await withConnection(pool, (client) =>
        execute<FiguresRow>(client, measureShard, [windowSeconds]),
      );
      invariant(rows[0] !== undefined, 'an aggregate has one row');
      return fromRowFigures(rows[0]);
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

function fromRowFigures(row: FiguresRow): ShardFigures {
  return {
    window: {
      inserted: toSafeInteger(row.inserted),
      duplicate: toSafeInteger(row.duplicate),
      conflicts: toSafeInteger(row.conflicts),
      quarantined: toSafeInteger(row.quarantined),
      writeStatements: toSafeInteger(row.write_statements),
    },
    places: row.partitions.map(([partition, nextOffset, ledgerEnd, haltCode]) => {
      return { partition, nextOffset, ledgerEnd, haltCode };
    }),
  };
}
