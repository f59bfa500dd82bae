/** What a shard says of the pipeline, for metrics: counts and places in the log, no tenant's row. */

/** Sums over the ledger rows of the last seconds. */
export interface LedgerWindow {
  readonly inserted: number;
  readonly duplicate: number;
  /** Those of `duplicate` whose content differed from what counts. */
  readonly conflicts: number;
  /** Events and whole foreign records. */
  readonly quarantined: number;
  readonly writeStatements: number;
}

export interface PartitionPlace {
  readonly partition: number;
  readonly nextOffset: number;
  /** Where the last row of its ledger ends: `nextOffset`, or one of the two is wrong. */
  readonly ledgerEnd: number;
  /** null: not halted. */
  readonly haltCode: string | null;
}

export interface ShardFigures {
  readonly window: LedgerWindow;
  readonly places: readonly PartitionPlace[];
}

export interface FiguresReader {
  /** The figures of one shard; its places are one snapshot. Throws `shard_unavailable` (retryable). */
  read(shard: number, windowSeconds: number): Promise<ShardFigures>;
  close(): Promise<void>;
}
