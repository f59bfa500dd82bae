/** A simulated shard as the reader of summaries sees it. */
import type { Freshness, SummaryReader } from '../../shared/ledger/summary.ts';
import { dayMs, observationAgeMsMax, quarterHourMs } from '../../shared/limits.ts';
import { latest, type SimulatedShard } from './ledger.ts';
import type { SimulatedProcess } from './process.ts';
import type { PartitionState, Total } from './shard-state.ts';

interface Place {
  readonly shard: SimulatedShard;
  readonly partition: number;
  readonly onSnapshot: (state: PartitionState) => void;
}

/** Totals as the summary's statement adds them up, and what it says of them. */
export function summariesOf(
  process: SimulatedProcess,
  { shard, partition, onSnapshot }: Place,
): Pick<SummaryReader, 'summarize'> {
  return {
    summarize: ({ organization, startDay, endDay }) =>
      process.call('summarize', () => {
        const state = shard.of(partition);
        onSnapshot(state);
        const quarters = dayMs / quarterHourMs;
        const sum: Total = { thousandths: 0, count: 0 };
        for (const [name, { thousandths, count }] of state.totals) {
          const [of, , quarter] = name.split('\n');
          const day = Math.floor(Number(quarter) / quarters);
          if (of !== organization || day < startDay || day > endDay) continue;
          sum.thousandths += thousandths;
          sum.count += count;
        }
        const total = { metric: 'all', totalQuantity: `${sum.thousandths}`, eventCount: sum.count };
        return { metrics: [total], freshness: freshnessOf(state, shard.serverMs()) };
      }),
  };
}

function freshnessOf(state: PartitionState, serverMs: number): Freshness {
  const { haltCode, logEnd, nextOffset, observedAtMs, completeThroughMs } = state;
  const committed = logEnd !== null && nextOffset >= logEnd;
  const complete = committed && haltCode === null;
  const ageMs = Math.abs(serverMs - (observedAtMs ?? 0));
  return {
    observedAtMs,
    completeThroughMs: latest([completeThroughMs, committed ? observedAtMs : null]),
    inFlight: complete && ageMs <= observationAgeMsMax ? false : null,
    complete,
  };
}
