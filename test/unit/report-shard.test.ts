import { expect, it } from 'vitest';
import { ShardReport } from '../../functions/flusher/report-shard.ts';
import { OdometerError } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { metricsPublishMs } from '../../shared/limits.ts';
import { type Metrics, noMetrics } from '../../shared/runtime/metrics.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

/** The ledger of partition 2 ends at its next offset, unless a test says otherwise. */
function setup(options: { kafkaDown?: boolean; shardDown?: boolean; ledgerEnd?: number } = {}) {
  const published: Parameters<Metrics['flushed']>[] = [];
  const clock = new FakeClock();
  let committed = 3;
  const ledger = {
    shard: 2,
    positions: async () => {
      if (options.shardDown === true)
        throw new OdometerError('shard_unavailable', 'down', { retryable: true });
      // A commit of partition 10 that a log asked before would not know of.
      committed = 4;
      return [
        { partition: 2, nextOffset: 10, ledgerEnd: options.ledgerEnd ?? 10, haltCode: null },
        { partition: 6, nextOffset: 0, ledgerEnd: 0, haltCode: 'log_rewritten' },
        { partition: 10, nextOffset: 4, ledgerEnd: 4, haltCode: null },
      ];
    },
    // A report asks for nothing else.
  } as unknown as ShardLedger;
  const head = (partition: number, ageMs: number) => [
    { offset: 0, value: envelope([sealedEvent()], { partition, createdAtMs: testNowMs - ageMs }) },
  ];
  const log = Object.assign(new FakeLog(), {
    bounds: async () => {
      if (options.kafkaDown === true) throw new OdometerError('log_unavailable', 'down', { retryable: true });
      return new Map([
        [2, { start: 0, end: 13 }],
        [6, { start: 0, end: 2 }],
        [10, { start: 0, end: committed }],
      ]);
    },
    read: async () =>
      new Map([
        [2, head(2, 3000)],
        [6, head(6, 7000)],
      ]),
  });
  const metrics: Metrics = { ...noMetrics, flushed: (...said) => void published.push(said) };
  const logger = new FakeLogger();
  return { published, clock, logger, report: new ShardReport(ledger, { log, clock, logger, metrics }) };
}

const counts = { committed: 5, duplicate: 2, quarantined: 1, records: 4, bytes: 300 };
const noTime = { foldMs: 0, waitMs: 0, commitMs: 0 };
const nothing = { committed: 0, duplicate: 0, quarantined: 0, records: 0, bytes: 0, ...noTime };

it('a report sums what was committed since the last one, and says how the partitions are', async () => {
  const { published, report } = setup();
  report.add(counts);
  report.add(counts);
  await report.publish();
  await report.publish();
  const standing = {
    halted: 1,
    waitingForCode: 0,
    lagRecords: 5,
    oldestInFlightMs: 7000,
    ledgerLogDifference: 0,
  };
  expect(published).toEqual([
    [2, { committed: 10, duplicate: 4, quarantined: 2, records: 8, bytes: 600, ...noTime }, standing],
    [2, nothing, standing],
  ]);
});

it('a report is published at most once an interval', async () => {
  const { published, clock, report } = setup();
  await report.publishIfDue();
  expect(published).toEqual([]);
  await clock.advance(metricsPublishMs);
  await report.publishIfDue();
  await report.publishIfDue();
  expect(published.length).toBe(1);
});

it('what a pass neither folds nor commits it waits for, and a second report starts from zero', async () => {
  const { published, clock, report } = setup();
  const { watch } = report;
  await watch.during('pass', async () => {
    await clock.advance(5);
    await watch.during('folding', () => clock.advance(20));
    await watch.during('committing', () => clock.advance(300));
    await clock.advance(2);
  });
  await report.publish();
  await report.publish();
  expect(published.map(([, work]) => work)).toMatchObject([
    { foldMs: 20, waitMs: 7, commitMs: 300 },
    { foldMs: 0, waitMs: 0, commitMs: 0 },
  ]);
});

it('a ledger that ends before its progress is a difference', async () => {
  const { published, report } = setup({ ledgerEnd: 7 });
  await report.publish();
  expect(published[0]?.[2]?.ledgerLogDifference).toBe(3);
});

it('partitions that wait for newer code are those of the latest pass', async () => {
  const { published, report } = setup();
  report.waitingForCode = 2;
  await report.publish();
  report.waitingForCode = 0;
  await report.publish();
  expect(published.map(([, , standing]) => standing?.waitingForCode)).toEqual([2, 0]);
});

it('a shard that does not answer has no standing, so that its gauges are missing', async () => {
  const { published, report } = setup({ shardDown: true });
  await report.publish();
  expect(published).toEqual([[2, nothing, null]]);
});

it('a log that is down costs the standing, and no counts', async () => {
  const { published, report, logger } = setup({ kafkaDown: true });
  report.add(counts);
  await report.publish();
  expect(published).toEqual([[2, { ...counts, ...noTime }, null]]);
  expect(logger.lines[0]).toMatchObject({ level: 'warn', message: 'standing not read' });
});
