/** What the routes of API keys take and answer; the documents are made of the same. */
import { z } from 'zod';
import { scopes } from '../../shared/callers/caller.ts';
import { organizationPattern, organizationRule } from '../../shared/events/name-rule.ts';
import {
  apiKeyDaysMax,
  apiKeyGraceHoursDefault,
  apiKeyGraceHoursMax,
  apiKeyOrganizationsCharsMax,
} from '../../shared/limits.ts';

const name = z.string('is required').regex(organizationPattern, organizationRule);
const scopeList = z
  .array(z.enum(scopes, `must be of ${scopes.join(', ')}`), 'must be a list of scopes')
  .min(1, 'must name one scope at least')
  .refine((list) => new Set(list).size === list.length, 'must name each scope once');
const organizationList = z
  .array(name)
  .min(1, 'must name one organization at least')
  .refine(
    (names) => names.join(' ').length <= apiKeyOrganizationsCharsMax,
    `must have at most ${apiKeyOrganizationsCharsMax} characters together`,
  );
const daysRule = `must be a whole number from 1 to ${apiKeyDaysMax}`;
const days = z.int(daysRule).min(1, daysRule).max(apiKeyDaysMax, daysRule);
const graceRule = `must be a whole number from 0 to ${apiKeyGraceHoursMax}`;

/** The body of `POST /api/v1/keys`. */
export const createKeyBody = z.strictObject({
  owner: name,
  scopes: scopeList,
  /** `*`: all organizations, those to come too. */
  organizations: z.union([z.literal('*'), organizationList], 'must be "*" or a list of names'),
  /** Events without an idempotency key are rejected. */
  keys_required: z.boolean('must be true or false').default(false),
  expires_in_days: days.optional(),
});

/** The body of `POST /api/v1/keys/{key}/rotate`; it may be left out. */
export const rotateKeyBody = z.strictObject({
  /** How long the replaced key goes on. */
  grace_hours: z
    .int(graceRule)
    .min(0, graceRule)
    .max(apiKeyGraceHoursMax, graceRule)
    .default(apiKeyGraceHoursDefault),
  expires_in_days: days.optional(),
});

const keysPageMax = 1000;
const limitRule = `must be a whole number from 1 to ${keysPageMax}`;

/** The parameters of `GET /api/v1/keys`. */
export const listKeysParameters = z.strictObject({
  owner: name.optional(),
  /** Revoked and expired keys as well. */
  ended: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, limitRule)
    .transform(Number)
    .refine((limit) => limit <= keysPageMax, limitRule)
    .default(keysPageMax),
  cursor: z
    .string()
    .regex(/^[0-9a-z]{16}$/, 'must be next_cursor of an earlier answer')
    .optional(),
});

const time = z.iso.datetime();

/** A key without its text. */
export const keyAnswer = z.object({
  key_id: z.string(),
  owner: z.string(),
  scopes: z.array(z.enum(scopes)),
  organizations: z.union([z.literal('*'), z.array(z.string())]),
  keys_required: z.boolean(),
  state: z.enum(['live', 'expired', 'revoked']),
  created_by: z.string(),
  created_at: time,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  version: z.int(),
});

/** Shards that did not answer; they get the change when they do. */
const unavailable = z.array(z.string());

export const createKeyAnswer = z.object({
  /** The key itself. It is shown here and never again. */
  key: z.string(),
  ...keyAnswer.shape,
  unavailable,
});
export const rotateKeyAnswer = z.object({ ...createKeyAnswer.shape, replaces: keyAnswer });
export const revokeKeyAnswer = z.object({
  ...keyAnswer.shape,
  /** After so long nobody accepts the key. */
  refused_within_seconds: z.int(),
  unavailable,
});
export const listKeysAnswer = z.object({
  keys: z.array(z.object({ ...keyAnswer.shape, last_used_at: time.nullable() })),
  next_cursor: z.string().optional(),
  unavailable,
});
