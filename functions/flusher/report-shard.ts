/** What the flusher publishes of one shard: at most every `metricsPublishMs`, and when an invocation ends. */

import { logFields } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { metricsPublishMs } from '../../shared/limits.ts';
import { differenceOf, lagOf, oldestAgeMs, readsOfOldest } from '../../shared/log/in-flight.ts';
import type { FlushCounts, ShardStanding } from '../../shared/runtime/metrics.ts';
import type { FlushPorts } from './flush-shard.ts';

type ReportPorts = Pick<FlushPorts, 'log' | 'clock' | 'logger' | 'metrics'>;

/** Commits of one shard since they were last published. */
export class ShardReport {
  readonly #ledger: ShardLedger;
  readonly #ports: ReportPorts;
  #counts: FlushCounts = nothing;
  #publishedMs: number;
  /** Of the latest pass that came to its end. */
  waitingForCode = 0;

  constructor(ledger: ShardLedger, ports: ReportPorts) {
    this.#ledger = ledger;
    this.#ports = ports;
    this.#publishedMs = ports.clock.now();
  }

  add({ committed, duplicate, quarantined }: FlushCounts): void {
    this.#counts = {
      committed: this.#counts.committed + committed,
      duplicate: this.#counts.duplicate + duplicate,
      quarantined: this.#counts.quarantined + quarantined,
    };
  }

  async publishIfDue(): Promise<void> {
    if (this.#ports.clock.now() - this.#publishedMs >= metricsPublishMs) await this.publish();
  }

  /** Never throws: a figure that cannot be read must not stop commits. */
  async publish(): Promise<void> {
    const standing = await this.#standing();
    this.#ports.metrics.flushed(this.#ledger.shard, this.#counts, standing);
    this.#counts = nothing;
    this.#publishedMs = this.#ports.clock.now();
  }

  async #standing(): Promise<ShardStanding | null> {
    try {
      return { ...(await readStanding(this.#ledger, this.#ports)), waitingForCode: this.waitingForCode };
    } catch (error) {
      this.#ports.logger.warn({ shard: this.#ledger.shard, ...logFields(error) }, 'standing not read');
      return null;
    }
  }
}

const nothing: FlushCounts = { committed: 0, duplicate: 0, quarantined: 0 };

/** Positions before bounds: then no commit in between can be above the log's end. */
async function readStanding(
  ledger: ShardLedger,
  { log, clock }: ReportPorts,
): Promise<Omit<ShardStanding, 'waitingForCode'>> {
  const positions = await ledger.positions();
  const bounds = await log.bounds();
  const known = positions.flatMap((position) => {
    const bound = bounds.get(position.partition);
    return bound === undefined ? [] : [{ ...position, ...bound }];
  });
  const oldestInFlight = await log.read(readsOfOldest(known));
  return {
    halted: positions.filter(({ haltCode }) => haltCode !== null).length,
    lagRecords: known.reduce((sum, position) => sum + lagOf(position), 0),
    oldestInFlightMs: oldestAgeMs(oldestInFlight, clock.now()),
    ledgerLogDifference: known.reduce((sum, position) => sum + differenceOf(position), 0),
  };
}
