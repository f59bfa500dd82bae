import { invariant } from '../../domain/errors.ts';
import { readAnswerTimeoutMs } from '../../domain/limits.ts';
import type { FiguresReader, ShardFigures } from '../../ports/shard-figures.ts';
import { execute } from './execute.ts';
import { createReaderPools, type ReaderPoolsSettings, withReading } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const measureShard = loadSql('measure-shard');

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
export function createFiguresReader(settings: ReaderPoolsSettings): FiguresReader {
  const pools = createReaderPools(settings, 'metrics');
  return {
    async read(shard, windowSeconds) {
      const pool = pools[shard];
      invariant(pool !== undefined, `there is no shard ${shard}`);
      const { rows } = await withReading(pool, (client) =>
        execute<FiguresRow>(client, measureShard, [windowSeconds], readAnswerTimeoutMs),
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
