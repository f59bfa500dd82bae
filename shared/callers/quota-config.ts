/** The quota's part of a function's configuration; undefined where there is none, and Redis is not asked then. */
import { z } from 'zod';
import { ENV_CALLER_REQUESTS_PER_SECOND, ENV_REDIS_SENTINEL_URL, ENV_REDIS_URL } from '../contracts/env.ts';
import { callerRequestsPerSecondMax } from '../limits.ts';

export const quotaConfig = z
  .object({
    [ENV_CALLER_REQUESTS_PER_SECOND]: z.coerce
      .number()
      .int()
      .min(0)
      .max(callerRequestsPerSecondMax)
      .default(0),
    [ENV_REDIS_URL]: z.string().optional(),
    [ENV_REDIS_SENTINEL_URL]: z.string().optional(),
  })
  .transform((values, context) => {
    const requestsMax = values[ENV_CALLER_REQUESTS_PER_SECOND];
    if (requestsMax === 0) return { quota: undefined };
    const url = values[ENV_REDIS_URL];
    if (url !== undefined)
      return { quota: { requestsMax, location: { url, sentinelUrl: values[ENV_REDIS_SENTINEL_URL] } } };
    const message = `must be set with ${ENV_CALLER_REQUESTS_PER_SECOND}`;
    context.addIssue({ code: 'custom', path: [ENV_REDIS_URL], message });
    return z.NEVER;
  });
