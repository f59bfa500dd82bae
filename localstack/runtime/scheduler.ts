/** One schedule of EventBridge Scheduler with `rate(1 minute)`, whose invocations never overlap. */

import { failure } from '../../shared/errors.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';

const rateMs = 60_000;
/** A failed invocation is tried again after this long, as Lambda does with asynchronous ones, only sooner. */
const failurePauseMs = 1000;
const stopCheckMs = 250;

export interface ScheduleOptions {
  readonly invoke: () => Promise<unknown>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly logger: Logger;
  readonly stopping: () => boolean;
}

/** Invokes at once and then every minute; when one ends late, the next follows at once. Until `stopping`. */
export async function runSchedule({ invoke, clock, logger, stopping }: ScheduleOptions): Promise<void> {
  while (!stopping()) {
    let nextMs = clock.monotonic() + rateMs;
    try {
      await invoke();
    } catch (error) {
      logger.error(failure(error), 'the scheduled function failed; it is tried again');
      nextMs = clock.monotonic() + failurePauseMs;
    }
    while (!stopping() && clock.monotonic() < nextMs) {
      await clock.sleep(Math.min(stopCheckMs, nextMs - clock.monotonic()));
    }
  }
}
