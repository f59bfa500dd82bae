/** What the authorizer asks the function `credentials`, and what that answers, as JSON. */
import { z } from 'zod';
import { apiKeyUsesMax, shardCount } from '../limits.ts';
import type { ApiKeyRow } from './api-key-row.ts';
import type { ApiKeyChanges } from './api-key-source.ts';
import { scopes } from './caller.ts';

const time = z.number().int().nonnegative();

export const apiKeyQuestion = z.union([
  z.strictObject({ places: z.array(z.number().int().nonnegative()).length(shardCount) }),
  z.strictObject({ uses: z.array(z.strictObject({ id: z.string(), usedAtMs: time })).max(apiKeyUsesMax) }),
]);
export type ApiKeyQuestion = z.output<typeof apiKeyQuestion>;

const row = z.object({
  id: z.string(),
  hash: z.hex().transform((text) => Buffer.from(text, 'hex')),
  owner: z.string(),
  scopes: z.array(z.enum(scopes)),
  organizations: z.union([z.literal('all'), z.array(z.string())]),
  keysRequired: z.boolean(),
  createdBy: z.string(),
  createdAtMs: time,
  expiresAtMs: time.nullable(),
  revokedAtMs: time.nullable(),
  version: z.number().int().positive(),
});
const answer = z.array(z.object({ place: z.number(), rows: z.array(row), more: z.boolean() }).nullable());

/** The answer to `places`, of each shard. */
export function toMessage(changes: readonly (ApiKeyChanges | null)[]): unknown {
  return changes.map((one) => one && { ...one, rows: one.rows.map(toMessageRow) });
}

/** Throws where it is no such answer. */
export function fromMessage(message: unknown): readonly (ApiKeyChanges | null)[] {
  return answer.parse(message);
}

function toMessageRow(stored: ApiKeyRow): z.input<typeof row> {
  const { organizations } = stored;
  return {
    ...stored,
    hash: stored.hash.toString('hex'),
    scopes: [...stored.scopes],
    organizations: organizations === 'all' ? 'all' : [...organizations],
  };
}
