/** The one place of the local twin that makes sense of the environment. */
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { apiPortDefault } from '../shared/contracts/endpoints.ts';
import {
  ENV_AUTH,
  ENV_CACHE_DIR,
  ENV_DATA_DIR,
  ENV_KAFKA_PORT,
  ENV_PORT,
  ENV_POSTGRES_PORTS,
  ENV_REDIS_PORT,
  ENV_WORKERS,
} from '../shared/contracts/env.ts';
import type { Environment } from '../shared/runtime/config.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import { UserError } from './processes/user-error.ts';
import { authSetting } from './runtime/auth-setting.ts';
import { defaultCacheDir } from './servers/cache.ts';
import type { Ports } from './servers/ports.ts';

/** The root of the repository. */
export const repositoryDir = dirname(dirname(fileURLToPath(import.meta.url)));

const port = z.coerce.number().int().min(1).max(65_535);
const environmentSchema = z.object({
  [ENV_PORT]: port.default(apiPortDefault),
  [ENV_AUTH]: authSetting,
  [ENV_DATA_DIR]: z.string().min(1).default(join(repositoryDir, '.odometer')),
  [ENV_CACHE_DIR]: z.string().min(1).default(defaultCacheDir()),
  [ENV_WORKERS]: z.coerce.number().int().min(1).max(64).default(availableParallelism()),
  [ENV_KAFKA_PORT]: port.optional(),
  [ENV_REDIS_PORT]: port.optional(),
  [ENV_POSTGRES_PORTS]: z
    .string()
    .transform((list) => list.split(',').map(Number))
    .pipe(z.array(z.number().int().min(1).max(65_535)).length(4))
    .optional(),
});

/** What one twin was asked for. */
export interface TwinSettings {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly apiPort: number;
  readonly workers: number;
  /** Server ports that were asked for; the others are chosen. */
  readonly ports: Ports;
}

/** Reads the settings of the twin. Throws a UserError that names every setting that is wrong. */
export function twinSettings(environment: Environment = processEnvironment()): TwinSettings {
  // An empty value is as good as none, but where it would leave the door open.
  const given = Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => value !== '' || name === ENV_AUTH),
  );
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new UserError(`The environment holds settings that cannot be used. ${problems.join('; ')}`);
  }
  const read = parsed.data;
  const ports: Record<string, number> = {};
  const { [ENV_KAFKA_PORT]: kafka, [ENV_REDIS_PORT]: redis } = read;
  if (kafka !== undefined) ports['kafka'] = kafka;
  if (redis !== undefined) ports['redis'] = redis;
  for (const [shard, value] of (read[ENV_POSTGRES_PORTS] ?? []).entries()) ports[`shard${shard}`] = value;
  return {
    dataDir: resolve(read[ENV_DATA_DIR]),
    cacheDir: resolve(read[ENV_CACHE_DIR]),
    apiPort: read[ENV_PORT],
    workers: read[ENV_WORKERS],
    ports,
  };
}
