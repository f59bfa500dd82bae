/** Who sends: a platform reports for its organizations, all of them or a list. */
export interface Caller {
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly organizations: 'all' | ReadonlySet<string>;
  /** Events without an idempotency key are rejected. */
  readonly keysRequired: boolean;
}

export const scopes = ['ingest', 'read', 'admin', 'backfill', 'correct'] as const;
export type Scope = (typeof scopes)[number];

export function mayReach(caller: Caller, organization: string): boolean {
  return caller.organizations === 'all' || caller.organizations.has(organization);
}
