/**
 * All API keys, as an authorizer remembers them. A key that is in the list costs no question, and however many unknown
 * keys are sent, the shards are asked once a second: so a flood of them reaches nobody.
 *
 *   none     --asked--> reading --a shard answers--> young --30 s--> old
 *   young    --a key that is not in it, read 1 s ago or earlier--> reading
 *   old      --asked, no reading has failed in the last 2 s--> reading
 *   reading  --no shard answers, the list is 10.5 minutes old or there is none--> none: every key is unavailable
 *   reading  --no shard answers otherwise--> old: the keys that are in the list go on, others are unavailable
 */
import { type ApiKeyRow, joinRows } from '../../shared/callers/api-key-row.ts';
import type { ApiKeySource } from '../../shared/callers/api-key-source.ts';
import { OdometerError } from '../../shared/errors.ts';
import {
  apiKeyListAgeMsMax,
  apiKeyListCooldownMs,
  apiKeyListRetryMs,
  apiKeyListStaleMsMax,
  apiKeysMax,
  shardCount,
} from '../../shared/limits.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';

export class ApiKeyList {
  readonly #source: Pick<ApiKeySource, 'changes'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #rows = new Map<string, ApiKeyRow>();
  #places: readonly number[] = noPlaces();
  #readMs: MonotonicMs | undefined;
  /** The last reading failed, and ended then. */
  #failed: { readonly atMs: MonotonicMs; readonly cause: unknown } | undefined;
  #reading: Promise<void> | undefined;

  constructor(source: Pick<ApiKeySource, 'changes'>, clock: Pick<Clock, 'monotonic'>) {
    this.#source = source;
    this.#clock = clock;
  }

  /** null: no such key. Throws `api_keys_unavailable` (retryable) where that cannot be known. */
  async find(id: string): Promise<ApiKeyRow | null> {
    if (this.#since(this.#readMs) >= apiKeyListAgeMsMax) await this.#read();
    const known = this.#rows.get(id);
    if (known !== undefined) {
      if (this.#since(this.#readMs) < apiKeyListAgeMsMax + apiKeyListStaleMsMax) return known;
      throw this.#unavailable();
    }
    // It may have been made meanwhile.
    if (this.#since(this.#readMs) >= apiKeyListCooldownMs) await this.#read();
    const found = this.#rows.get(id);
    if (found !== undefined) return found;
    if (this.#since(this.#readMs) < apiKeyListAgeMsMax) return null;
    throw this.#unavailable();
  }

  /** Questions at once wait for one answer. After a failure nobody waits for a while: shards may be slow to fail. */
  #read(): Promise<void> {
    if (this.#reading === undefined && this.#since(this.#failed?.atMs) < apiKeyListRetryMs)
      return Promise.resolve();
    this.#reading ??= this.#readAll()
      .then(
        () => undefined,
        (cause: unknown) => ({ atMs: this.#clock.monotonic(), cause }),
      )
      .then((failed) => {
        this.#failed = failed;
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const startedMs = this.#clock.monotonic();
    // Revoked keys stay: a shard that has not heard of it could name them again. When they are many, a new list is begun.
    const isFull = this.#rows.size > 2 * apiKeysMax;
    const rows = isFull ? new Map<string, ApiKeyRow>() : this.#rows;
    const places = isFull ? noPlaces() : [...this.#places];
    for (;;) {
      const answers = await this.#source.changes(places);
      if (answers.every((answer) => answer === null)) throw new Error('no shard answers for API keys');
      for (const [shard, answer] of answers.entries()) {
        if (answer === null) continue;
        for (const row of answer.rows) joinInto(rows, row);
        places[shard] = answer.place;
      }
      if (!answers.some((answer) => answer?.more === true)) break;
    }
    this.#rows = rows;
    this.#places = places;
    this.#readMs = startedMs;
  }

  #unavailable(): OdometerError {
    return new OdometerError('api_keys_unavailable', 'API keys cannot be read', {
      retryable: true,
      cause: this.#failed?.cause,
    });
  }

  #since(moment: MonotonicMs | undefined): number {
    return moment === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - moment;
  }
}

function noPlaces(): number[] {
  return Array.from({ length: shardCount }, () => 0);
}

function joinInto(rows: Map<string, ApiKeyRow>, row: ApiKeyRow): void {
  const known = rows.get(row.id);
  rows.set(row.id, known === undefined ? row : joinRows(known, row));
}
