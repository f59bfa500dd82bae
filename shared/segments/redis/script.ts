import type { Redis } from 'ioredis';
import { invariant } from '../../errors.ts';

export type Script = (...keysAndArguments: (string | number | Buffer)[]) => Promise<unknown>;

interface ScriptFile {
  readonly name: string;
  readonly numberOfKeys: number;
  readonly lua: string;
}

/** ioredis sends the hash and, where the server has forgotten the script, the script itself. */
export function script(redis: Redis, { name, numberOfKeys, lua }: ScriptFile): Script {
  redis.defineCommand(name, { numberOfKeys, lua });
  const command: unknown = Reflect.get(redis, name);
  invariant(typeof command === 'function', `ioredis has no command ${name}`);
  return (...values) => Promise.resolve(Reflect.apply(command, redis, values));
}
