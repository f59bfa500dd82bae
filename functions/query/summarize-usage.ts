/** The use case: an organization's committed totals, for a caller who may see them. */
import { type Caller, mayReach } from '../../shared/callers/caller.ts';
import type { Freshness, MetricTotal, SummaryReader } from '../../shared/ledger/summary.ts';

export interface SummaryRequest {
  readonly organization: string;
  /** Inclusive, days since 1970-01-01. */
  readonly startDay: number;
  readonly endDay: number;
}

interface Summary extends SummaryRequest {
  readonly metrics: readonly MetricTotal[];
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
  const { metrics, freshness } = await reader.summarize(request);
  return { kind: 'summary', summary: { ...request, metrics, freshness } };
}
