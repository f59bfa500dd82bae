/** What a simulated shard holds, and what a transaction adds to it. */
import type { TotalChange } from '../../shared/ledger/dimension-sets.ts';
import type { CommitRecord, ProgressMove } from '../../shared/ledger/shard-ledger.ts';
import type { SimulatedProcess } from './process.ts';

export interface CountedEvent {
  readonly keyHash: string;
  readonly day: number;
  readonly offset: number;
  readonly index: number;
  readonly fingerprint: string;
  readonly undated: boolean;
  readonly eventTimeMs: number;
  readonly organization: string;
}

/** Sums in thousandths, which is exact for what the simulation sends. */
export interface Total {
  thousandths: number;
  count: number;
}

export interface PartitionState {
  generation: number;
  nextOffset: number;
  recordHash: Buffer | null;
  checkedRanges: number;
  haltCode: string | null;
  logEnd: number | null;
  observedAtMs: number | null;
  completeThroughMs: number | null;
  readonly events: Map<string, CountedEvent>;
  /** By organization, metric and quarter hour. */
  readonly totals: Map<string, Total>;
}

/** What one transaction has written and not yet committed. */
export interface Written {
  readonly partition: number;
  /** Its process, which knows when it read the log. */
  readonly by: Pick<SimulatedProcess, 'readAt'>;
  readonly move: ProgressMove;
  readonly events: CountedEvent[];
  readonly rollups: TotalChange[];
  refusals: number;
  conflicts: number;
  record: CommitRecord | null;
}

export function newState(): PartitionState {
  return {
    generation: 1,
    nextOffset: 0,
    recordHash: null,
    checkedRanges: 0,
    haltCode: null,
    logEnd: null,
    observedAtMs: null,
    completeThroughMs: null,
    events: new Map(),
    totals: new Map(),
  };
}
