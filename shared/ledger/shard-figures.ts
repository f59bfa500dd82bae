/** What a shard contributes to the figures of the pipeline: counts and offsets, no tenant's row. */

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

/** How far a partition is committed. */
export interface PartitionPosition {
  readonly partition: number;
  readonly nextOffset: number;
  /** Where the last row of its ledger ends: `nextOffset`, or one of the two is wrong. */
  readonly ledgerEnd: number;
  /** null: not halted. */
  readonly haltCode: string | null;
}

export interface ShardFigures {
  readonly window: LedgerWindow;
  readonly positions: readonly PartitionPosition[];
}

export interface FiguresReader {
  /** The figures of one shard; its positions are one snapshot. Throws `shard_unavailable` (retryable). */
  read(asked: { readonly shard: number; readonly windowSeconds: number }): Promise<ShardFigures>;
  close(): Promise<void>;
}
