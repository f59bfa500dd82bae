/** When to send again: exponential, with jitter, and never before the server's Retry-After. */
export interface RetryPolicy {
  /** Attempts of one request, the first included. */
  readonly attemptsMax: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/** About two minutes of patience: longer than a broker or a shard takes to come back. */
export const retryPolicyDefault: RetryPolicy = { attemptsMax: 20, delayMsMin: 100, delayMsMax: 10_000 };

/** Milliseconds to wait after failed attempt number `attempt` (from 1); `random` is in 0..1. */
export function retryDelayMs(
  policy: RetryPolicy,
  failed: { readonly attempt: number; readonly retryAfterMs: number | null; readonly random: number },
): number {
  const { attempt, retryAfterMs, random } = failed;
  const ceiling = Math.min(policy.delayMsMax, policy.delayMsMin * 2 ** (attempt - 1));
  // At least half of the ceiling, so that the pause grows; the rest is chance, so that clients spread.
  const delayMs = ceiling * (0.5 + random / 2);
  return Math.max(delayMs, Math.min(retryAfterMs ?? 0, policy.delayMsMax));
}

/** `Retry-After` in seconds or as a date; null where it is missing or unreadable. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}
