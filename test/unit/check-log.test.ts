import { describe, expect, it } from 'vitest';
import { checkLog, type LogLook, type LogState } from '../../functions/flusher/check-log.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { logEndBehindMs, tailGapAgeMs } from '../../shared/limits.ts';
import { recordHashOf } from '../../shared/log/envelope.ts';
import { later } from '../../shared/runtime/clock.ts';
import { momentOf } from '../harness/fakes/clock.ts';

const atMs = momentOf(1_000_000);
const value = Buffer.from('the last committed record');

type ProgressState = 'before the first commit' | 'after a commit';
/** What the log shows, and the verdict; null where the progress row rules the state out. */
type Cell = readonly [look: Partial<LogLook>, verdict: string] | null;

const progress: Readonly<Record<ProgressState, LogLook['progress']>> = {
  'before the first commit': { nextOffset: 10, recordHash: null },
  'after a commit': { nextOffset: 10, recordHash: Buffer.from(recordHashOf(value), 'hex') },
};

const bounds = { start: 0, end: 12 };
const behind = { start: 0, end: 8 };
const table: Readonly<Record<ProgressState, Readonly<Record<LogState, readonly Cell[]>>>> = {
  'before the first commit': {
    missing: [[{ bounds: undefined }, 'waits']],
    'start-ahead': [[{ bounds: { start: 11, end: 12 } }, 'halts log_start_ahead']],
    'end-behind': [[{ bounds: behind, behindSinceMs: later(atMs, -1000) }, 'waits']],
    'end-behind-long': [
      [{ bounds: behind, behindSinceMs: later(atMs, -logEndBehindMs) }, 'halts log_end_behind'],
    ],
    'not-kept': [[{ bounds }, 'goes on']],
    'not-delivered': [null],
    'as-committed': [null],
    rewritten: [null],
  },
  'after a commit': {
    missing: [[{ bounds: undefined }, 'waits']],
    'start-ahead': [[{ bounds: { start: 11, end: 12 } }, 'halts log_start_ahead']],
    'end-behind': [
      [{ bounds: behind, behindSinceMs: null }, 'waits'],
      [{ bounds: behind, behindSinceMs: later(atMs, -logEndBehindMs + 1) }, 'waits'],
    ],
    'end-behind-long': [
      [{ bounds: behind, behindSinceMs: later(atMs, -logEndBehindMs) }, 'halts log_end_behind'],
    ],
    'not-kept': [[{ bounds: { start: 10, end: 12 } }, 'goes on']],
    'not-delivered': [[{ bounds }, 'waits']],
    'as-committed': [[{ bounds, lastCommitted: { offset: 9, value } }, 'goes on']],
    rewritten: [
      [{ bounds, lastCommitted: { offset: 9, value: Buffer.from('x') } }, 'halts log_rewritten'],
      // The log goes on behind a gap.
      [{ bounds, lastCommitted: { offset: 10, value } }, 'halts log_rewritten'],
    ],
  },
};

const cases = Object.entries(table).flatMap(([state, cells]) =>
  Object.entries(cells).flatMap(([log, looks]) =>
    looks.flatMap((cell) => (cell === null ? [] : [[state, log, ...cell] as const])),
  ),
);

describe('checkLog', () => {
  it.each(cases)('U7: %s, a log that is %s', (state, _log, look, expected) => {
    const verdict = checkLog({
      // `Object.entries` forgets that its keys are those of the table.
      progress: progress[state as ProgressState],
      bounds: undefined,
      lastCommitted: undefined,
      behindSinceMs: null,
      atMs,
      ...look,
    });
    const text = verdict?.kind === 'halts' ? `halts ${verdict.code}` : (verdict?.kind ?? 'goes on');
    expect(text).toBe(expected);
  });
});

describe('LogHistory', () => {
  const seen = { partition: 0, nextOffset: 0 };

  it('knows the end that was seen tailGapAgeMs ago, and no younger one', () => {
    const history = new LogHistory();
    history.note({ ...seen, end: 5, atMs: momentOf(0) });
    history.note({ ...seen, end: 9, atMs: momentOf(1000) });
    expect(history.oldEnd({ partition: 0, atMs: momentOf(tailGapAgeMs - 1) })).toBe(0);
    expect(history.oldEnd({ partition: 0, atMs: momentOf(tailGapAgeMs) })).toBe(5);
    history.note({ ...seen, end: 20, atMs: momentOf(tailGapAgeMs + 1000) });
    expect(history.oldEnd({ partition: 0, atMs: momentOf(tailGapAgeMs + 1000) })).toBe(9);
    expect(history.oldEnd({ partition: 1, atMs: momentOf(tailGapAgeMs) })).toBe(0);
  });

  it('remembers since when an end has been below what is committed', () => {
    const history = new LogHistory();
    history.note({ partition: 0, end: 5, nextOffset: 9, atMs: momentOf(100) });
    history.note({ partition: 0, end: 5, nextOffset: 9, atMs: momentOf(200) });
    expect(history.behindSinceMs(0)).toBe(100);
    history.note({ partition: 0, end: 9, nextOffset: 9, atMs: momentOf(300) });
    expect(history.behindSinceMs(0)).toBeNull();
  });
});
