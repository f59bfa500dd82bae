/** Who may make, see and revoke which key: nobody hands on more than they have. */
import type { ApiKeyRow } from '../../shared/callers/api-key-row.ts';
import { type Caller, mayReach } from '../../shared/callers/caller.ts';

export interface Refusal {
  readonly kind: 'forbidden';
  readonly code: 'scope_not_allowed' | 'organization_not_allowed';
}

type Rights = Pick<ApiKeyRow, 'scopes' | 'organizations'>;

/** null: the caller may make a key with these rights. */
export function refusalFor(caller: Caller, rights: Rights): Refusal | null {
  if (!rights.scopes.every((scope) => caller.scopes.has(scope)))
    return { kind: 'forbidden', code: 'scope_not_allowed' };
  return reachesAll(caller, rights) ? null : { kind: 'forbidden', code: 'organization_not_allowed' };
}

/** Whether a key is about the caller's organizations alone; one of others is not there for the caller. */
export function reachesAll(caller: Caller, { organizations }: Pick<Rights, 'organizations'>): boolean {
  if (organizations === 'all') return caller.organizations === 'all';
  return organizations.every((organization) => mayReach(caller, organization));
}
