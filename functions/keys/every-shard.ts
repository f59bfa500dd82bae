/** Asks or changes all shards at once, as many as answer. */
import type { ApiKeyRow } from '../../shared/callers/api-key-row.ts';
import type { AddOutcome, ApiKeyShard, KeyDecision } from '../../shared/callers/api-key-shard.ts';
import { failure, OdometerError } from '../../shared/errors.ts';
import { apiKeyChangedShardsMin } from '../../shared/limits.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { KeyPorts } from './key-ports.ts';

export interface Answers<T> {
  /** By shard. */
  readonly found: ReadonlyMap<number, T>;
  /** Shards without an answer. */
  readonly missing: readonly number[];
}

/** The answer of each shard that has one; why another has none is logged. */
export async function ask<T>(
  shards: readonly ApiKeyShard[],
  question: (shard: ApiKeyShard) => Promise<T>,
  logger: Logger,
): Promise<Answers<T>> {
  const found = new Map<number, T>();
  const missing: number[] = [];
  await Promise.all(
    shards.map(async (one) => {
      try {
        found.set(one.shard, await question(one));
      } catch (error) {
        missing.push(one.shard);
        logger.warn({ ...failure(error), shard: one.shard }, 'a shard did not answer about keys');
      }
    }),
  );
  return { found, missing: missing.toSorted() };
}

/**
 * Joins rows with what every shard has, and returns the shards that lack them: the next comparison of the shards brings
 * them there, and until then such a shard is not the only one that is asked. Throws `api_keys_unavailable` (retryable)
 * unless enough shards have them.
 */
export async function joinEverywhere(
  { shards, logger }: Pick<KeyPorts, 'shards' | 'logger'>,
  rows: readonly ApiKeyRow[],
  decision: KeyDecision,
): Promise<readonly number[]> {
  const { found, missing } = await ask(shards, (one) => one.join(rows, decision), logger);
  if (found.size < apiKeyChangedShardsMin) throw tooFew();
  return missing;
}

export type EverywhereOutcome =
  | { readonly kind: 'added'; readonly missing: readonly number[] }
  | { readonly kind: Exclude<AddOutcome, 'added'> };

/**
 * As `joinEverywhere` for a new key. The first shard that answers decides whether there are too
 * many: administrators who add at once meet there. A key that enough shards did not take is revoked again.
 */
export async function addEverywhere(
  ports: Pick<KeyPorts, 'shards' | 'logger' | 'clock'>,
  row: ApiKeyRow,
  decision: KeyDecision,
): Promise<EverywhereOutcome> {
  const { shards, logger } = ports;
  // At once, so that shards that do not answer are waited for together.
  const { found } = await ask(shards, (one) => one.time(), logger);
  const first = await firstAnswer(
    shards.filter(({ shard }) => found.has(shard)),
    (one) => one.add(row, decision),
    logger,
  );
  if (first.answer !== 'added') return { kind: first.answer };
  const others = await ask(first.rest, (one) => one.join([row], decision), logger);
  const has = new Set([first.shard, ...others.found.keys()]);
  const missing = shards.map(({ shard }) => shard).filter((shard) => !has.has(shard));
  if (has.size >= apiKeyChangedShardsMin) return { kind: 'added', missing };
  await withdraw(ports, row);
  throw tooFew();
}

/** Revokes a key whose text nobody was given, wherever that is possible now. */
export async function withdraw(
  { shards, logger, clock }: Pick<KeyPorts, 'shards' | 'logger' | 'clock'>,
  row: ApiKeyRow,
): Promise<void> {
  const withdrawn = { ...row, version: row.version + 1, revokedAtMs: clock.now() };
  await ask(shards, (one) => one.join([withdrawn], { by: row.createdBy, why: 'withdraw' }), logger);
}

async function firstAnswer<T>(
  shards: readonly ApiKeyShard[],
  question: (shard: ApiKeyShard) => Promise<T>,
  logger: Logger,
): Promise<{
  readonly answer: T;
  readonly shard: number;
  readonly rest: readonly ApiKeyShard[];
}> {
  for (const [at, one] of shards.entries()) {
    const { found } = await ask([one], question, logger);
    const answer = found.get(one.shard);
    if (answer !== undefined) return { answer, shard: one.shard, rest: shards.slice(at + 1) };
  }
  throw tooFew();
}

export function tooFew(): OdometerError {
  return new OdometerError('api_keys_unavailable', 'too few shards answer about API keys', {
    retryable: true,
  });
}
