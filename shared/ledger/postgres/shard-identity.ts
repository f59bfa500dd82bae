import type pg from 'pg';
import { OdometerError } from '../../errors.ts';
import { shardConnectTimeoutMs } from '../../limits.ts';
import { execute } from './execute.ts';
import { loadSql } from './sql.ts';

const readIdentity = loadSql('read-identity');

interface IdentityRow {
  readonly shard: number;
  readonly topic_id: string;
  readonly map_version: number;
}

/**
 * Refuses a database that is not the shard which belongs to this address (U9). The topic is what the first connection
 * found. Where a later one finds another topic, either the database is another, or an operator has declared a new
 * topic: it is refused once, and the next connection may find any, because the next pass compares it with the log.
 */
export class IdentityCheck {
  readonly shard: number;
  readonly #mapVersion: number;
  #topicId: string | undefined;

  constructor({ shard, mapVersion }: { readonly shard: number; readonly mapVersion: number }) {
    this.shard = shard;
    this.#mapVersion = mapVersion;
  }

  /** The topic whose offsets the shard counts. Throws `wrong_shard`. */
  async check(client: pg.ClientBase): Promise<string> {
    const [row] = (await execute<IdentityRow>(client, readIdentity, [], shardConnectTimeoutMs)).rows;
    if (row === undefined) throw this.#refusal('a database without identity');
    const known = this.#topicId ?? row.topic_id;
    const same = row.shard === this.shard && row.map_version === this.#mapVersion && row.topic_id === known;
    if (!same) {
      const refused = this.#refusal(`shard ${row.shard}, map ${row.map_version}, topic ${row.topic_id}`);
      this.#topicId = undefined;
      throw refused;
    }
    this.#topicId = known;
    return known;
  }

  #refusal(found: string): OdometerError {
    const expected = `shard ${this.shard}, map ${this.#mapVersion}, topic ${this.#topicId ?? 'any'}`;
    return new OdometerError('wrong_shard', `expected ${expected}; found ${found}`, { retryable: false });
  }
}
