/** One quota for each caller: how many requests a window of one second may have. */
import { requestWindowMs } from '../limits.ts';
import type { Metrics } from '../runtime/metrics.ts';

/** The window of a caller that is open, with the request that was just counted. */
export interface RequestWindow {
  readonly requests: number;
  readonly leftMs: number;
}

/** Counts requests for all processes together. */
export interface RequestCounter {
  /** Null where nobody counts in time: the request passes. Never later than `requestCountTimeoutMs`. */
  count(callerId: string): Promise<RequestWindow | null>;
}

export interface RequestQuota {
  readonly counter: RequestCounter;
  /** Requests that a window may have; more are refused. */
  readonly requestsMax: number;
  /** Called for each request with what the quota said. */
  readonly onCounted: (verdict: QuotaVerdict['kind']) => void;
}

interface QuotaSetting<Location> {
  readonly requestsMax: number;
  readonly location: Location;
}

/** The quota of a setting; undefined without one, and then nothing is connected. */
export function quotaOf<Location>(
  setting: QuotaSetting<Location> | undefined,
  ports: {
    readonly metrics: Pick<Metrics, 'quotaAsked'>;
    readonly connect: (location: Location) => RequestCounter;
  },
): RequestQuota | undefined {
  if (setting === undefined) return undefined;
  return {
    counter: ports.connect(setting.location),
    requestsMax: setting.requestsMax,
    onCounted: (verdict) =>
      ports.metrics.quotaAsked({
        overQuota: verdict === 'refused' ? 1 : 0,
        uncounted: verdict === 'uncounted' ? 1 : 0,
      }),
  };
}

export type QuotaVerdict =
  | { readonly kind: 'admitted' | 'refused'; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'uncounted' };

/** Whether a request of this caller may pass, with the fields RateLimit and RateLimit-Policy of its answer. */
export async function askQuota(quota: RequestQuota, callerId: string): Promise<QuotaVerdict> {
  const window = await quota.counter.count(callerId);
  const verdict = window === null ? ({ kind: 'uncounted' } as const) : verdictOf(window, quota.requestsMax);
  quota.onCounted(verdict.kind);
  return verdict;
}

/** The fields are those of draft-ietf-httpapi-ratelimit-headers-11. */
// Same type: what a window has, and what it may have.
function verdictOf({ requests, leftMs }: RequestWindow, requestsMax: number): QuotaVerdict {
  const remaining = Math.max(0, requestsMax - requests);
  const seconds = Math.max(1, Math.ceil(leftMs / 1000));
  const headers = {
    'ratelimit-policy': `"caller";q=${requestsMax};w=${requestWindowMs / 1000}`,
    ratelimit: `"caller";r=${remaining};t=${seconds}`,
  };
  return { kind: requests > requestsMax ? 'refused' : 'admitted', headers };
}
