import { z } from 'zod';
import { OdometerError } from '../../shared/errors.ts';
import { shardCount } from '../../shared/limits.ts';

const shardNumber = z
  .number()
  .int()
  .min(0)
  .max(shardCount - 1);
const scheduleEvent = z.looseObject({ shards: z.array(shardNumber).min(1).max(shardCount).optional() });

/**
 * The shards that an invocation is for: `{"shards": [n]}`, so that each has one of its own and a slow one delays no
 * other; without it all of them. Throws `config_invalid`.
 */
export function fromScheduleEvent(event: unknown): ReadonlySet<number> {
  const parsed = scheduleEvent.safeParse(event ?? {});
  if (parsed.success) return new Set(parsed.data.shards ?? Array.from({ length: shardCount }, (_, i) => i));
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new OdometerError('config_invalid', `not an event of the schedule: ${problems.join('; ')}`, {
    retryable: false,
  });
}
