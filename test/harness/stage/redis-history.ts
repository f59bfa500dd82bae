/** A real Redis that loses what it holds, or goes back to what it held before, as at a failover to an old replica. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { connectRedis } from '../../../shared/segments/redis/connect.ts';
import { segmentKeys } from '../../../shared/segments/redis/keys.ts';
import { killServer } from '../servers/kill-server.ts';

export interface RedisPlace {
  readonly dataDir: string;
  readonly url: string;
  readonly topic: string;
}

export class RedisHistory {
  readonly #place: RedisPlace;
  readonly #redis: Redis;
  #dump: Buffer | null = null;
  #keys = 0;

  constructor(place: RedisPlace) {
    this.#place = place;
    this.#redis = connectRedis(place);
  }

  /** All that it holds, as a replica has it that is no longer fed. */
  async remember(): Promise<void> {
    await this.#redis.save();
    this.#dump = readFileSync(this.#file);
    this.#keys = await this.#redis.dbsize();
    // Whoever starts it for another reason starts it empty.
    rmSync(this.#file);
  }

  /** Killed, and started with what was remembered; with nothing, where nothing was. */
  async goBack(): Promise<void> {
    const dump = this.#dump;
    const meanwhile = () => {
      if (dump !== null) writeFileSync(this.#file, dump);
    };
    await killServer({ ...this.#place, name: 'redis' }, { meanwhile, isBack: () => this.#redis.ping() });
    if (existsSync(this.#file)) rmSync(this.#file);
    const keys = await this.#redis.dbsize();
    if (keys !== this.#keys) throw new Error(`Redis holds ${keys} keys, ${this.#keys} were remembered`);
  }

  async loseAll(): Promise<void> {
    await this.#redis.flushall();
  }

  /** Of each partition every fourth offset's segment, and of every other fourth the bytes alone, as in the simulation. */
  async losePart(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) {
      const { content, index } = segmentKeys(this.#place.topic, partition);
      for (const from of await this.#redis.hkeys(content)) {
        if (Number(from) % 2 === 0) await this.#redis.hdel(content, from);
        if (Number(from) % 4 === 0) await this.#redis.zremrangebyscore(index, from, from);
      }
    }
  }

  close(): void {
    this.#redis.disconnect();
  }

  get #file(): string {
    return join(this.#place.dataDir, 'redis', 'dump.rdb');
  }
}
