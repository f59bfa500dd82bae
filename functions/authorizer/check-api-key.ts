/** The use case: whose API key is this, and is it of use now? */
import { hashApiKey, isSameHash, type KeyEnvironment, readApiKey } from '../../shared/callers/api-key.ts';
import { isLive } from '../../shared/callers/api-key-row.ts';
import type { ApiKeySource } from '../../shared/callers/api-key-source.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { ApiKeyList } from './api-key-list.ts';
import { ApiKeyUses } from './api-key-uses.ts';
import type { CallerGrant } from './verified-tokens.ts';

export interface ApiKeyPorts {
  readonly source: ApiKeySource;
  readonly hashSecret: Buffer;
  readonly environment: KeyEnvironment;
}

/** null for every key that is of no use, whatever the reason. Throws `api_keys_unavailable` (retryable). */
export type CheckApiKey = (text: string) => Promise<CallerGrant | null>;

/** The use case with its list of keys. */
export function createCheckApiKey(
  { source, hashSecret, environment }: ApiKeyPorts,
  { clock, logger }: { readonly clock: Pick<Clock, 'now' | 'monotonic'>; readonly logger: Logger },
): CheckApiKey {
  const list = new ApiKeyList(source, clock);
  const uses = new ApiKeyUses(source, { clock, logger });
  return async (text) => {
    const read = readApiKey(text);
    if (read === null || read.environment !== environment) return null;
    const row = await list.find(read.id);
    if (row === null || !isSameHash(hashApiKey(text, hashSecret), row.hash)) return null;
    if (!isLive(row, clock.now())) return null;
    uses.note(row.id);
    const { scopes, organizations, keysRequired } = row;
    return { callerId: `key:${row.owner}`, scopes, organizations, keysRequired };
  };
}
