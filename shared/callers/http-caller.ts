import { type Caller, type Scope, scopes } from './caller.ts';

/** The authorizer's context. HTTP APIs hand its values over as the authorizer returned them: text or not. */
export interface AuthorizerContext {
  readonly callerId?: unknown;
  /** Separated by spaces. */
  readonly scopes?: unknown;
  /** `*` or a list separated by spaces or commas. */
  readonly organizations?: unknown;
  readonly keysRequired?: unknown;
  /** The code of a failure: the caller could not be checked, and may ask again. */
  readonly unavailable?: unknown;
}

const knownScopes: ReadonlySet<string> = new Set(scopes);

/** The caller that the authorizer names; null where it names none. What it does not grant is not granted. */
export function fromHttpCaller(authorizer: AuthorizerContext | null | undefined): Caller | null {
  const { callerId: id, scopes: granted, organizations, keysRequired } = authorizer ?? {};
  if (typeof id !== 'string' || id === '') return null;
  return {
    id,
    scopes: new Set(words(granted).filter(isScope)),
    organizations: organizations === '*' ? 'all' : new Set(words(organizations)),
    keysRequired: keysRequired === true || keysRequired === 'true',
  };
}

/** Whether the authorizer could not say who calls. */
export function isUnavailable(authorizer: AuthorizerContext | null | undefined): boolean {
  return authorizer?.unavailable === 'api_keys_unavailable';
}

function words(value: unknown): readonly string[] {
  return typeof value === 'string' ? value.split(/[\s,]+/).filter((word) => word !== '') : [];
}

function isScope(word: string): word is Scope {
  return knownScopes.has(word);
}
