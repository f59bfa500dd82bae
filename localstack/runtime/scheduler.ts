/** EventBridge Scheduler with `rate(1 minute)` in front of a function with reserved concurrency 1. */

import { randomUUID } from 'node:crypto';
import { failure } from '../../shared/errors.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';

const rateMs = 60_000;
/** A failed invocation is tried again after this long, as Lambda does with asynchronous ones, only sooner. */
const failurePauseMs = 1000;
const stopCheckMs = 250;

export interface ScheduleOptions {
  readonly invoke: (event: unknown) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopping: () => boolean;
}

/** What EventBridge Scheduler sends to a Lambda target that has no input of its own. */
export function toScheduledEvent(nowMs: number, id: string) {
  return {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'aws.scheduler',
    account: '000000000000',
    time: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
    region: 'local',
    resources: ['arn:aws:scheduler:local:000000000000:schedule/default/odometer-flusher'],
    detail: '{}',
  };
}

/** Invokes at once and then every minute; when one ends late, the next follows at once. Until `stopping`. */
export async function runSchedule({ invoke, clock, logger, stopping }: ScheduleOptions): Promise<void> {
  while (!stopping()) {
    let nextMs = clock.monotonic() + rateMs;
    try {
      await invoke(toScheduledEvent(clock.now(), randomUUID()));
    } catch (error) {
      logger.error(failure(error), 'the scheduled function failed; it is tried again');
      nextMs = clock.monotonic() + failurePauseMs;
    }
    while (!stopping() && clock.monotonic() < nextMs) {
      await clock.sleep(Math.min(stopCheckMs, nextMs - clock.monotonic()));
    }
  }
}
