import { type ApiKeyRow, isLive, joinRows } from '../../../shared/callers/api-key-row.ts';
import type { AddOutcome, ApiKeyShard } from '../../../shared/callers/api-key-shard.ts';
import { apiKeysPerOwnerMax } from '../../../shared/limits.ts';
import { testNowMs } from './clock.ts';

/** A shard of API keys in memory, which does not answer while it is `down`. */
export class FakeApiKeyShard implements ApiKeyShard {
  readonly shard: number;
  readonly rows = new Map<string, ApiKeyRow>();
  down = false;
  comparedAtMs: number | null = null;

  constructor(shard: number) {
    this.shard = shard;
  }

  async time(): Promise<number> {
    this.#answer();
    return testNowMs;
  }

  async digest(): Promise<string> {
    return JSON.stringify(await this.all());
  }

  async all(): Promise<readonly ApiKeyRow[]> {
    this.#answer();
    return [...this.rows.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async find(id: string): Promise<ApiKeyRow | null> {
    this.#answer();
    return this.rows.get(id) ?? null;
  }

  async join(rows: readonly ApiKeyRow[]): Promise<void> {
    this.#answer();
    for (const row of rows) {
      const known = this.rows.get(row.id);
      this.rows.set(row.id, known === undefined ? row : joinRows(known, row));
    }
  }

  async add(row: ApiKeyRow): Promise<AddOutcome> {
    const live = (await this.all()).filter((one) => one.owner === row.owner && isLive(one, testNowMs));
    if (live.length >= apiKeysPerOwnerMax) return 'owner_has_enough';
    await this.join([row]);
    return 'added';
  }

  async setCompared(atMs: number): Promise<void> {
    this.#answer();
    this.comparedAtMs = atMs;
  }

  async uses(): Promise<[]> {
    this.#answer();
    return [];
  }

  async close(): Promise<void> {}

  #answer(): void {
    if (this.down) throw new Error(`shard ${this.shard} is down`);
  }
}
