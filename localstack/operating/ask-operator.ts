/** What an operator does on AWS by invoking the operator function, in process here, on the twin that runs. */
import { z } from 'zod';
import { start } from '../../functions/operator/handler.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import {
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_LOG_LEVEL,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
} from '../../shared/contracts/env.ts';
import { shardLogins } from '../../shared/contracts/shards.ts';
import { OdometerError } from '../../shared/errors.ts';
import type { Environment } from '../../shared/runtime/config.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { startForOnce } from '../../shared/runtime/process/function-start.ts';
import { readJson } from '../processes/atomic-file.ts';
import { UserError } from '../processes/user-error.ts';
import { loadSecrets, passwordOf } from '../servers/secrets.ts';
import { twinSettings } from '../settings.ts';

const endpointsSchema: z.ZodType<Pick<Endpoints, 'kafka' | 'shards'>> = z.object({
  kafka: z.string(),
  shards: z.array(z.string()),
});

/** Sends one event to the operator function of the twin and returns its answer, in the shape that is expected. */
export async function askOperator<T>(event: object, shape: z.ZodType<T>): Promise<T> {
  try {
    return shape.parse(await startForOnce('operator', twinEnvironment(), start, (operate) => operate(event)));
  } catch (error) {
    if (!(error instanceof OdometerError) || error.code === 'invariant_broken') throw error;
    throw new UserError(`${error.code}: ${error.message}`, { cause: error });
  }
}

/** The addresses of the twin that runs, as the environment of an operator's Lambda holds them. */
function twinEnvironment(): Environment {
  const { dataDir } = twinSettings();
  const endpoints = endpointsSchema.safeParse(readJson(endpointsFileOf(dataDir)));
  if (!endpoints.success) throw new UserError(`No twin runs in ${dataDir}: start one with npm start.`);
  const password = passwordOf(loadSecrets(dataDir), 'owner');
  const ownerUrls = endpoints.data.shards.map((text) => {
    const url = new URL(text);
    url.username = shardLogins.owner.role;
    url.password = password;
    return url.href;
  });
  return {
    [ENV_LOG_LEVEL]: 'warn',
    ...processEnvironment(),
    [ENV_KAFKA_BOOTSTRAP_SERVERS]: endpoints.data.kafka,
    [ENV_SHARD_OPERATOR_URLS]: endpoints.data.shards.join(','),
    [ENV_SHARD_OWNER_URLS]: ownerUrls.join(','),
  };
}
