import { expect, test } from 'vitest';
import { ShardReport } from '../../functions/flusher/report-shard.ts';
import { OdometerError } from '../../shared/domain/errors.ts';
import { metricsPublishMs } from '../../shared/domain/limits.ts';

import { type Metrics, noMetrics } from '../../shared/ports/metrics.ts';
import type { ShardLedger } from '../../shared/ports/shard-ledger.ts';
import { envelope, sealedEvent } from '../builders/records.ts';
import { FakeClock, FakeLogger, testNowMs } from '../builders.ts';
import { fakeLog } from '../fakes/log.ts';

const progressRow = { generation: 1, recordHash: null, checkedRanges: 0 };

function setup(options: { kafkaDown?: boolean } = {}) {
  const told: Parameters<Metrics['flushed']>[] = [];
  const clock = new FakeClock();
  const ledger = {
    shard: 2,
    progress: async () => [
      { ...progressRow, partition: 2, nextOffset: 10, halted: false },
      { ...progressRow, partition: 6, nextOffset: 0, halted: true },
      { ...progressRow, partition: 10, nextOffset: 4, halted: false },
    ],
    // A report asks for nothing else.
  } as unknown as ShardLedger;
  const head = (partition: number, ageMs: number) => [
    { offset: 0, value: envelope([sealedEvent()], { partition, createdAtMs: testNowMs - ageMs }) },
  ];
  const log = {
    ...fakeLog(2, []),
    bounds: async () => {
      if (options.kafkaDown === true) throw new OdometerError('log_unavailable', 'down', { retryable: true });
      return new Map([
        [2, { start: 0, end: 13 }],
        [6, { start: 0, end: 2 }],
        [10, { start: 0, end: 4 }],
      ]);
    },
    read: async () =>
      new Map([
        [2, head(2, 3000)],
        [6, head(6, 7000)],
      ]),
  };
  const metrics: Metrics = { ...noMetrics, flushed: (...said) => void told.push(said) };
  const logger = new FakeLogger();
  return { told, clock, logger, report: new ShardReport(ledger, { log, clock, logger, metrics }) };
}

const counts = { committed: 5, duplicate: 2, quarantined: 1 };
const nothing = { committed: 0, duplicate: 0, quarantined: 0 };

test('a report sums what was committed since the last one, and says how the partitions stand', async () => {
  const { told, report } = setup();
  report.add(counts);
  report.add(counts);
  await report.tell();
  await report.tell();
  const standing = { halted: 1, lagRecords: 5, oldestInFlightMs: 7000 };
  expect(told).toEqual([
    [2, { committed: 10, duplicate: 4, quarantined: 2 }, standing],
    [2, nothing, standing],
  ]);
});

test('a report is told at most once an interval', async () => {
  const { told, clock, report } = setup();
  await report.tellIfDue();
  expect(told).toEqual([]);
  await clock.advance(metricsPublishMs);
  await report.tellIfDue();
  await report.tellIfDue();
  expect(told.length).toBe(1);
});

test('a log that is down costs the standing, and no counts', async () => {
  const { told, report, logger } = setup({ kafkaDown: true });
  report.add(counts);
  await report.tell();
  expect(told).toEqual([[2, counts, null]]);
  expect(logger.lines[0]).toMatchObject({ level: 'warn', message: 'standing not read' });
});
