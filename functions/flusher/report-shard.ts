/** What the flusher tells the metrics of one shard: at most every `metricsPublishMs`, and when it ends. */

import { failure } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { metricsPublishMs } from '../../shared/limits.ts';
import { differenceOf, lagOf, oldestAgeMs, oldestInFlight } from '../../shared/log/in-flight.ts';
import type { FlushCounts, ShardStanding } from '../../shared/runtime/metrics.ts';
import type { FlushPorts } from './flush-shard.ts';

type ReportPorts = Pick<FlushPorts, 'log' | 'clock' | 'logger' | 'metrics'>;

/** Commits of one shard since they were last told. */
export class ShardReport {
  readonly #ledger: ShardLedger;
  readonly #ports: ReportPorts;
  #counts: FlushCounts = nothing;
  #toldMs: number;
  /** Of the latest pass that came to its end. */
  waitingForCode = 0;

  constructor(ledger: ShardLedger, ports: ReportPorts) {
    this.#ledger = ledger;
    this.#ports = ports;
    this.#toldMs = ports.clock.now();
  }

  add({ committed, duplicate, quarantined }: FlushCounts): void {
    this.#counts = {
      committed: this.#counts.committed + committed,
      duplicate: this.#counts.duplicate + duplicate,
      quarantined: this.#counts.quarantined + quarantined,
    };
  }

  async tellIfDue(): Promise<void> {
    if (this.#ports.clock.now() - this.#toldMs >= metricsPublishMs) await this.tell();
  }

  /** Never throws: figures stop nobody's commits. */
  async tell(): Promise<void> {
    const standing = await this.#standing();
    this.#ports.metrics.flushed(this.#ledger.shard, this.#counts, standing);
    this.#counts = nothing;
    this.#toldMs = this.#ports.clock.now();
  }

  async #standing(): Promise<ShardStanding | null> {
    try {
      return { ...(await readStanding(this.#ledger, this.#ports)), waitingForCode: this.waitingForCode };
    } catch (error) {
      this.#ports.logger.warn({ shard: this.#ledger.shard, ...failure(error) }, 'standing not read');
      return null;
    }
  }
}

const nothing: FlushCounts = { committed: 0, duplicate: 0, quarantined: 0 };

/** Places first: whatever is committed in between, the log's end is not below what is known of it. */
async function readStanding(
  ledger: ShardLedger,
  { log, clock }: ReportPorts,
): Promise<Omit<ShardStanding, 'waitingForCode'>> {
  const places = await ledger.places();
  const bounds = await log.bounds();
  const known = places.flatMap((place) => {
    const bound = bounds.get(place.partition);
    return bound === undefined ? [] : [{ ...place, ...bound }];
  });
  const reads = oldestInFlight(known);
  const heads = reads.length === 0 ? new Map() : await log.read(reads);
  return {
    halted: places.filter(({ haltCode }) => haltCode !== null).length,
    lagRecords: known.reduce((sum, place) => sum + lagOf(place), 0),
    oldestInFlightMs: oldestAgeMs(heads, clock.now()),
    ledgerLogDifference: known.reduce((sum, place) => sum + differenceOf(place), 0),
  };
}
