import { logFields } from '../../shared/domain/errors.ts';
import { flusherBudgetMs, flusherPauseMs, transactionStartRemainingMs } from '../../shared/domain/limits.ts';
import type { ShardLedger } from '../../shared/ports/shard-ledger.ts';
import { type FlushPorts, flushShard, isWeather } from './flush-shard.ts';
import type { LogHistory } from './log-history.ts';

/** What the schedule's function counts over one invocation. */
export interface PassReport {
  readonly passes: number;
  readonly commits: number;
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
  const endMs = ports.clock.now() + flusherBudgetMs;
  const mayCommit = () => ports.clock.now() < endMs && remainingMs() > transactionStartRemainingMs;
  const reports = await Promise.allSettled(
    ledgers.map((ledger) => runShard(ledger, history, mayCommit, ports)),
  );
  const failure = reports.find((report) => report.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  const done = reports.flatMap((report) => (report.status === 'fulfilled' ? [report.value] : []));
  return {
    passes: done.reduce((sum, { passes }) => sum + passes, 0),
    commits: done.reduce((sum, { commits }) => sum + commits, 0),
  };
}

async function runShard(
  ledger: ShardLedger,
  history: LogHistory,
  mayCommit: () => boolean,
  ports: FlushPorts,
): Promise<PassReport> {
  let passes = 0;
  let commits = 0;
  while (mayCommit()) {
    const nextMs = ports.clock.now() + flusherPauseMs;
    try {
      const pass = await flushShard({ ledger, history, mayCommit }, ports);
      commits += pass.commits;
      // Larger commits cost less per event: without a backlog, passes keep their distance.
      if (!pass.backlog) await ports.clock.sleep(Math.max(0, nextMs - ports.clock.now()));
    } catch (error) {
      if (!isWeather(error)) {
        ports.logger.error({ shard: ledger.shard, ...logFields(error) }, 'shard stopped');
        throw error;
      }
      ports.logger.warn({ shard: ledger.shard, ...logFields(error) }, 'shard paused');
      await ports.clock.sleep(flusherPauseMs);
    }
    passes += 1;
  }
  return { passes, commits };
}
