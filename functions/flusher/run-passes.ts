import { failure, isTransient } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { flusherBudgetMs, flusherPauseMs, transactionStartRemainingMs } from '../../shared/limits.ts';
import { later } from '../../shared/runtime/clock.ts';
import { type FlushPorts, type PassedShard, type PassResult, ShardPass } from './flush-shard.ts';
import type { LogHistory } from './log-history.ts';
import { recordChainHeads } from './record-chain-heads.ts';
import { ShardReport } from './report-shard.ts';

/** What the schedule's function counts over one invocation. */
export interface PassReport {
  readonly passes: number;
  readonly commits: number;
}

/** What the passes of one invocation share. */
interface Invocation {
  readonly history: LogHistory;
  readonly mayCommit: () => boolean;
  readonly ports: FlushPorts;
}

/**
 * Passes over every shard until the invocation's budget ends, each shard on its own: one that is down stops
 * its own partitions only (U9). `remainingMs` is what is left of the invocation.
 */
export async function runPasses(
  ledgers: readonly ShardLedger[],
  history: LogHistory,
  remainingMs: () => number,
  ports: FlushPorts,
): Promise<PassReport> {
  // Lambda's own figure comes from the wall clock, so it is asked at the start; later it can only end the passes sooner.
  const budgetMs = Math.min(flusherBudgetMs, remainingMs() - transactionStartRemainingMs);
  const endMs = later(ports.clock.monotonic(), budgetMs);
  const mayCommit = () => ports.clock.monotonic() < endMs && remainingMs() > transactionStartRemainingMs;
  const reports = await Promise.allSettled(
    ledgers.map((ledger) => runShard(ledger, { history, mayCommit, ports })),
  );
  const failure = reports.find((report) => report.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  const done = reports.flatMap((report) => (report.status === 'fulfilled' ? [report.value] : []));
  return {
    passes: done.reduce((sum, { passes }) => sum + passes, 0),
    commits: done.reduce((sum, { commits }) => sum + commits, 0),
  };
}

async function runShard(ledger: ShardLedger, { history, mayCommit, ports }: Invocation): Promise<PassReport> {
  const report = new ShardReport(ledger, ports);
  const shard = { ledger, history, mayCommit, onCommit: report.add.bind(report), watch: report.watch };
  let passes = 0;
  let commits = 0;
  try {
    while (mayCommit()) {
      const result = await passOrPause(shard, ports);
      // A pass that the budget cut short did not come to every partition.
      if (result !== null && mayCommit()) report.waitingForCode = result.waitingForCode;
      commits += result?.commits ?? 0;
      passes += 1;
      await report.publishIfDue();
    }
  } finally {
    await report.publish();
    await recordChainHeads(ledger, ports.logger);
  }
  return { passes, commits };
}

/** One pass and the pause after it; null: a transient failure paused the shard. Any other ends the invocation. */
async function passOrPause(passed: PassedShard, ports: FlushPorts): Promise<PassResult | null> {
  const nextMs = ports.clock.monotonic() + flusherPauseMs;
  const { shard } = passed.ledger;
  try {
    const result = await new ShardPass(passed, ports).run();
    // Larger commits cost less per event: without a backlog, passes keep their distance.
    if (!result.backlog) await ports.clock.sleep(Math.max(0, nextMs - ports.clock.monotonic()));
    return result;
  } catch (error) {
    if (!isTransient(error)) {
      ports.logger.error({ shard, ...failure(error) }, 'shard stopped');
      throw error;
    }
    ports.logger.warn({ shard, ...failure(error) }, 'shard paused');
    await ports.clock.sleep(flusherPauseMs);
    return null;
  }
}
