import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createInvoke } from '../../../localstack/runtime/invoke.ts';
import { runSchedule, toScheduledEvent } from '../../../localstack/runtime/scheduler.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { golden, shapeOf } from '../../harness/builders/golden.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

const clock = {
  ...systemClock,
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Starts a schedule whose invocations take the given times; answers when each began, in ms since the start. */
function startSchedule(durations: readonly number[], failures: ReadonlySet<number> = new Set()) {
  const startedMs = Date.now();
  const begun: number[] = [];
  let running = 0;
  let stopped = false;
  const ended = runSchedule({
    clock,
    logger: new FakeLogger(),
    stopping: () => stopped,
    invoke: async () => {
      running += 1;
      expect(running).toBe(1);
      const index = begun.push(Date.now() - startedMs) - 1;
      await clock.sleep(durations[index] ?? 0);
      running -= 1;
      if (failures.has(index)) throw new Error('failed');
    },
  });
  return {
    begun,
    stop: async () => {
      stopped = true;
      await vi.advanceTimersByTimeAsync(300);
      await ended;
    },
  };
}

describe('the schedule', () => {
  it('sends the event that EventBridge Scheduler sends', () => {
    expect(shapeOf(toScheduledEvent(0, 'id'))).toEqual(shapeOf(golden('scheduler-event')));
    expect(toScheduledEvent(1_444_323_186_999, 'id').time).toBe('2015-10-08T16:53:06Z');
  });

  it('ticks at once, then every minute, and never twice at a time', async () => {
    const { begun, stop } = startSchedule([55_000, 80_000, 1000]);
    await vi.advanceTimersByTimeAsync(210_000);
    await stop();
    expect(begun).toEqual([0, 60_000, 140_000, 200_000]);
  });

  it('a failed invocation is tried again soon', async () => {
    const { begun, stop } = startSchedule([0, 0], new Set([0]));
    await vi.advanceTimersByTimeAsync(2000);
    await stop();
    expect(begun).toEqual([0, 1000]);
  });
});

describe('an invocation', () => {
  const base = { name: 'flusher', timeoutMs: 1000, logger: new FakeLogger() };

  it('has a context with its time, its name and an id', async () => {
    const handler = vi.fn(async () => 'answer');
    expect(await createInvoke({ ...base, handler })('event')).toBe('answer');
    expect(handler).toHaveBeenCalledWith(
      'event',
      expect.objectContaining({ functionName: 'odometer-flusher' }),
    );
  });

  it('sees its remaining time fall, and none once the process is to stop', async () => {
    let stopping = false;
    const seen: number[] = [];
    const invoke = createInvoke({
      ...base,
      stopping: () => stopping,
      handler: async (_event, context) => {
        seen.push(context.getRemainingTimeInMillis());
        await vi.advanceTimersByTimeAsync(300);
        seen.push(context.getRemainingTimeInMillis());
        stopping = true;
        seen.push(context.getRemainingTimeInMillis());
      },
    });
    await invoke({});
    expect(seen).toEqual([1000, 700, 0]);
  });

  it('that takes too long is ended by a kill, not by an error', async () => {
    const kill = vi.fn();
    void createInvoke({ ...base, kill, handler: () => new Promise(() => {}) })({});
    await vi.advanceTimersByTimeAsync(999);
    expect(kill).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(kill).toHaveBeenCalledOnce();
  });

  it('that ended in time is not killed later', async () => {
    const kill = vi.fn();
    await createInvoke({ ...base, kill, handler: async () => {} })({});
    await vi.advanceTimersByTimeAsync(5000);
    expect(kill).not.toHaveBeenCalled();
  });
});
