/** What the flusher publishes of one shard: at most every `metricsPublishMs`, and when an invocation ends. */

import { failure } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { metricsPublishMs } from '../../shared/limits.ts';
import { differenceOf, lagOf, oldestAgeMs, readsOfOldest } from '../../shared/log/in-flight.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';
import type { CommitCounts, ShardStanding, ShardWork } from '../../shared/runtime/metrics.ts';
import { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import type { FlushPorts, PassPhase } from './flush-shard.ts';

type ReportPorts = Pick<FlushPorts, 'log' | 'clock' | 'logger' | 'metrics'>;

/** Commits of one shard and time spent on them since they were last published. */
export class ShardReport {
  readonly watch: Stopwatch<PassPhase>;
  readonly #ledger: ShardLedger;
  readonly #ports: ReportPorts;
  #counts: CommitCounts = nothing;
  #publishedMs: MonotonicMs;
  /** Of the latest pass that came to its end. */
  waitingForCode = 0;

  constructor(ledger: ShardLedger, ports: ReportPorts) {
    this.watch = new Stopwatch(ports.clock);
    this.#ledger = ledger;
    this.#ports = ports;
    this.#publishedMs = ports.clock.monotonic();
  }

  add({ committed, duplicate, quarantined, records, bytes }: CommitCounts): void {
    this.#counts = {
      committed: this.#counts.committed + committed,
      duplicate: this.#counts.duplicate + duplicate,
      quarantined: this.#counts.quarantined + quarantined,
      records: this.#counts.records + records,
      bytes: this.#counts.bytes + bytes,
    };
  }

  async publishIfDue(): Promise<void> {
    if (this.#ports.clock.monotonic() - this.#publishedMs >= metricsPublishMs) await this.publish();
  }

  /** Never throws: a figure that cannot be read must not stop commits. */
  async publish(): Promise<void> {
    const standing = await this.#standing();
    this.#ports.metrics.flushed(this.#ledger.shard, this.#work(), standing);
    this.#counts = nothing;
    this.watch.reset();
    this.#publishedMs = this.#ports.clock.monotonic();
  }

  /** What a pass neither folds nor commits it waits for: the log, Redis or the shard. */
  #work(): ShardWork {
    const foldMs = this.watch.spentMs('folding');
    const commitMs = this.watch.spentMs('committing');
    return { ...this.#counts, foldMs, commitMs, waitMs: this.watch.spentMs('pass') - foldMs - commitMs };
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

const nothing: CommitCounts = { committed: 0, duplicate: 0, quarantined: 0, records: 0, bytes: 0 };

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
