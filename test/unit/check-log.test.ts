import { describe, expect, it } from 'vitest';
import { checkLog, committedRecord, type LogLook, type LogState } from '../../functions/flusher/check-log.ts';
import { FailingRange } from '../../functions/flusher/failing-range.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { logEndBehindMs, rangeFailureGapMs, rangeFailuresMax, tailGapAgeMs } from '../../shared/limits.ts';
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
  const first = { partition: 0, generation: 1 };
  const look = (end: number, ms: number) => ({ end, atMs: momentOf(ms), stampMs: 7000 + ms });

  it('knows the end that was seen tailGapAgeMs ago, and no younger one', () => {
    const history = new LogHistory();
    history.of(first).note(look(5, 0), 0);
    history.of(first).note(look(9, 1000), 0);
    expect(history.of(first).oldEnd(momentOf(tailGapAgeMs - 1))).toBe(0);
    expect(history.of(first).oldEnd(momentOf(tailGapAgeMs))).toBe(5);
    history.of(first).note(look(20, tailGapAgeMs + 1000), 0);
    expect(history.of(first).oldEnd(momentOf(tailGapAgeMs + 1000))).toBe(9);
    expect(history.of({ ...first, partition: 1 }).oldEnd(momentOf(tailGapAgeMs))).toBe(0);
  });

  it('the newest look whose end is committed is known, and none at an end that is below what is committed', () => {
    const seen = new LogHistory().of(first);
    for (const [end, ms] of [
      [5, 0],
      [9, 500],
      [20, 1000],
    ] as const)
      seen.note(look(end, ms), 0);
    expect(seen.committedLook(4)).toBeUndefined();
    expect(seen.committedLook(19)).toMatchObject({ end: 9, stampMs: 7500 });
    expect(seen.committedLook(20)).toMatchObject({ end: 20, stampMs: 8000 });
    seen.note(look(19, 1500), 20);
    expect(seen.committedLook(20)).toMatchObject({ stampMs: 8000 });
  });

  it('remembers since when an end has been below what is committed', () => {
    const seen = new LogHistory().of(first);
    seen.note(look(5, 100), 9);
    seen.note(look(5, 200), 9);
    expect(seen.behindSinceMs).toBe(100);
    seen.note(look(9, 300), 9);
    expect(seen.behindSinceMs).toBeNull();
  });

  it.each(['another generation', 'a halt'])('U7: %s leaves nothing of what was seen', (what) => {
    const history = new LogHistory();
    history.of(first).note(look(9, 0), 0);
    history.of(first).note(look(9, 1), 10);
    const failure = { place: { ...first, nextOffset: 9 }, suspicion: { name: 'XX000', underLoad: false } };
    for (let times = 1; times < rangeFailuresMax; times++)
      history.of(first).failing.note(failure, momentOf(times * rangeFailureGapMs));
    if (what === 'a halt') history.forget(first);
    const after = history.of({ ...first, generation: what === 'a halt' ? 1 : 2 });
    expect(after.oldEnd(momentOf(tailGapAgeMs))).toBe(0);
    expect(after.committedLook(9)).toBeUndefined();
    expect(after.behindSinceMs).toBeNull();
    expect(after.failing.note(failure, momentOf(rangeFailuresMax * rangeFailureGapMs))).toBe(false);
  });
});

describe('FailingRange', () => {
  const place = { partition: 0, generation: 1, nextOffset: 9 };
  const failure = { place, suspicion: { name: 'XX000', underLoad: false } };
  const tries = (failing: FailingRange, fromMs: number) =>
    Array.from({ length: rangeFailuresMax }, (_, i) =>
      failing.note(failure, momentOf(fromMs + i * rangeFailureGapMs)),
    );
  const fifth = [...Array(rangeFailuresMax - 1).fill(false), true];

  it('U9: gives a range five tries more after it halted its partition', () => {
    const failing = new FailingRange();
    expect(tries(failing, 0)).toEqual(fifth);
    expect(failing.rests(9, momentOf(rangeFailuresMax * rangeFailureGapMs))).toBe(false);
    expect(tries(failing, rangeFailuresMax * rangeFailureGapMs)).toEqual(fifth);
  });

  it('forgets a range that was committed after all', () => {
    const failing = new FailingRange();
    for (const _ of [1, 2]) {
      for (let times = 1; times < rangeFailuresMax; times++) failing.note(failure, momentOf(times * 20_000));
      failing.forget();
    }
    expect(tries(failing, 1_000_000)).toEqual(fifth);
  });
});

it('U7: the record below a range is compared also above the end that the pass saw', () => {
  const recordHash = Buffer.alloc(32, 7);
  // A range of segments was committed up to 12, which were stored after this pass had asked for the log's end.
  const bounds = { start: 3, end: 10 };
  expect(committedRecord({ nextOffset: 12, recordHash }, bounds)).toEqual({ offset: 11, recordHash });
  expect(committedRecord({ nextOffset: 3, recordHash }, bounds)).toBeNull();
  expect(committedRecord({ nextOffset: 12, recordHash: null }, bounds)).toBeNull();
});
