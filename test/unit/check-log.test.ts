import { describe, expect, it } from 'vitest';
import { checkLog } from '../../functions/flusher/check-log.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { logEndBehindMs, tailGapAgeMs } from '../../shared/limits.ts';
import type { LogBounds, LogRecord } from '../../shared/log/event-log.ts';
import { recordHashOf } from '../../shared/segments/fold.ts';

const value = Buffer.from('the last committed record');
const progress = {
  partition: 3,
  generation: 1,
  nextOffset: 10,
  recordHash: Buffer.from(recordHashOf(value), 'hex'),
  halted: false,
  checkedRanges: 0,
};
const head: LogRecord = { offset: 9, value };

describe('checkLog', () => {
  const now = 1_000_000;
  const rows: [string, LogBounds | undefined, LogRecord | undefined, number | null, string][] = [
    ['the record as it was committed', { start: 0, end: 12 }, head, null, 'goes-on'],
    [
      'other content at the position',
      { start: 0, end: 12 },
      { offset: 9, value: Buffer.from('x') },
      null,
      'halts log_rewritten',
    ],
    ['another offset delivered', { start: 0, end: 12 }, { offset: 10, value }, null, 'halts log_rewritten'],
    ['the record removed by retention', { start: 10, end: 12 }, undefined, null, 'goes-on'],
    ['a log that starts above', { start: 11, end: 12 }, undefined, null, 'halts log_start_ahead'],
    ['a log that ends below, for a moment', { start: 0, end: 8 }, undefined, now - 1000, 'waits'],
    [
      'a log that ends below, for long',
      { start: 0, end: 8 },
      undefined,
      now - logEndBehindMs,
      'halts log_end_behind',
    ],
    ['a record not delivered', { start: 0, end: 12 }, undefined, null, 'waits'],
    ['no such partition', undefined, undefined, null, 'waits'],
  ];
  it.each(rows)('U7: %s', (_name, bounds, record, behindSince, expected) => {
    const verdict = checkLog(progress, bounds, record, behindSince, now);
    expect(verdict.kind === 'halts' ? `halts ${verdict.code}` : verdict.kind).toBe(expected);
  });

  it('U7: before the first commit there is nothing to compare', () => {
    const fresh = { ...progress, nextOffset: 0, recordHash: null };
    expect(checkLog(fresh, { start: 0, end: 5 }, undefined, null, now).kind).toBe('goes-on');
  });
});

describe('LogHistory', () => {
  it('knows the end that was seen tailGapAgeMs ago, and no younger one', () => {
    const history = new LogHistory();
    history.note(0, 5, 0, 0);
    history.note(0, 9, 0, 1000);
    expect(history.oldEnd(0, tailGapAgeMs - 1)).toBe(0);
    expect(history.oldEnd(0, tailGapAgeMs)).toBe(5);
    history.note(0, 20, 0, tailGapAgeMs + 1000);
    expect(history.oldEnd(0, tailGapAgeMs + 1000)).toBe(9);
    expect(history.oldEnd(1, tailGapAgeMs)).toBe(0);
  });

  it('remembers since when an end has been below what is committed', () => {
    const history = new LogHistory();
    history.note(0, 5, 9, 100);
    history.note(0, 5, 9, 200);
    expect(history.behindSinceMs(0)).toBe(100);
    history.note(0, 9, 9, 300);
    expect(history.behindSinceMs(0)).toBeNull();
  });
});
