import { invariant, OdometerError } from '../../errors.ts';
import { formatDay } from '../../events/calendar.ts';
import { observationAgeMsMax, readAnswerTimeoutMs, summaryMetricsMax } from '../../limits.ts';
import { partitionOf, shardOf } from '../../log/routing.ts';
import type { SummaryReader } from '../summary.ts';
import { execute } from './execute.ts';
import { createReaderPools, type ReaderPoolsSettings, withReading } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import type { ShardPool } from './shard-pool.ts';
import { loadSql } from './sql.ts';
import { asTenant } from './tenant.ts';

const summarize = loadSql('summarize');

export interface SummaryReaderSettings extends ReaderPoolsSettings {
  readonly partitions: number;
  /** Where other readers use the same connections; the summary reader closes them. */
  readonly pools?: readonly ShardPool[];
}

interface SummaryRow {
  readonly observed_at_ms: string | null;
  readonly complete_through_ms: string | null;
  readonly in_flight: false | null;
  readonly complete: boolean;
  /** `[metric, total, count]`, decimals and counts as text. */
  readonly metrics: readonly (readonly [string, string, string])[];
}

/** Reads committed totals from the home shards; connects when it is first used. */
export function createSummaryReader(settings: SummaryReaderSettings): SummaryReader {
  const { partitions } = settings;
  const pools = settings.pools ?? createReaderPools(settings, 'query');
  return {
    async summarize({ organization, startDay, endDay, metric, after, limit = summaryMetricsMax }) {
      const partition = partitionOf(organization, partitions);
      const pool = pools[shardOf(partition)];
      invariant(pool !== undefined, 'there is no shard to read');
      const row = await asTenant(pool, organization, async (client) => {
        const days = [formatDay(startDay), formatDay(endDay)];
        const page = [metric ?? null, after ?? null, limit];
        const values = [partition, organization, ...days, observationAgeMsMax, ...page];
        return (await execute<SummaryRow>(client, summarize, values, readAnswerTimeoutMs)).rows[0];
      });
      invariant(row !== undefined, `the shard has no partition ${partition}`);
      return fromRowSummary(row);
    },
    async ping() {
      await Promise.all(pools.map(pingShard));
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

function fromRowSummary(row: SummaryRow): Awaited<ReturnType<SummaryReader['summarize']>> {
  const metrics = row.metrics.map(([metric, totalQuantity, eventCount]) => ({
    metric,
    totalQuantity,
    eventCount: toSafeInteger(eventCount),
  }));
  const freshness = {
    observedAtMs: orUnknown(row.observed_at_ms),
    completeThroughMs: orUnknown(row.complete_through_ms),
    inFlight: row.in_flight,
    complete: row.complete,
  };
  return { metrics, freshness };
}

/** Null until the flusher has seen the partition for the first time. */
function orUnknown(value: string | null): number | null {
  return value === null ? null : toSafeInteger(value);
}

async function pingShard(pool: ShardPool, shard: number): Promise<void> {
  try {
    await withReading(pool, async () => undefined);
  } catch (error) {
    const message = `shard ${shard} does not answer`;
    throw new OdometerError('shard_unavailable', message, { retryable: true, cause: error });
  }
}
