/** The use case: an organization's committed totals, for a caller who may see them. */
import { type Caller, mayReach } from '../../shared/callers/caller.ts';
import type { Freshness, MetricTotal, SummaryQuery, SummaryReader } from '../../shared/ledger/summary.ts';

/** A page of totals. */
export interface SummaryRequest extends SummaryQuery {
  readonly limit: number;
}

interface Summary extends SummaryRequest {
  /** In the order of their names. */
  readonly metrics: readonly MetricTotal[];
  /** The last metric of this page; null where no more follow. */
  readonly nextAfter: string | null;
  readonly freshness: Freshness;
}

export type SummaryOutcome =
  | { readonly kind: 'summary'; readonly summary: Summary }
  | { readonly kind: 'forbidden'; readonly code: 'scope_required' | 'organization_not_allowed' };

/** An organization without events has a summary without metrics, so nobody can find out which names exist. */
export async function summarizeUsage(
  reader: Pick<SummaryReader, 'summarize'>,
  caller: Caller,
  request: SummaryRequest,
): Promise<SummaryOutcome> {
  if (!caller.scopes.has('read')) return { kind: 'forbidden', code: 'scope_required' };
  if (!mayReach(caller, request.organization)) return { kind: 'forbidden', code: 'organization_not_allowed' };
  // One more than the page holds shows whether another page follows.
  const found = await reader.summarize({ ...request, limit: request.limit + 1 });
  const metrics = found.metrics.slice(0, request.limit);
  const nextAfter = found.metrics.length > request.limit ? (metrics.at(-1)?.metric ?? null) : null;
  return { kind: 'summary', summary: { ...request, metrics, nextAfter, freshness: found.freshness } };
}
