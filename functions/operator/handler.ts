import { migrateShard } from '../../migrations/migrate.ts';
import {
  ENV_LOG_GENERATION,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
  ENV_SHARD_READER_URLS,
  ENV_SHARD_WRITER_URLS,
} from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { ensureStatistics, loginsOf, setLoginPasswords } from '../../shared/ledger/postgres/shard-logins.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { toLogPlace } from '../../shared/runtime/log-config.ts';
import { type Environment, processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { createSecrets } from '../../shared/runtime/secrets/secrets.ts';
import { operatorConfig } from './config.ts';
import { fromOperatorEvent, type OperatorRequest } from './from-operator-event.ts';
import { listHalts } from './list-halts.ts';
import { listQuarantine } from './list-quarantine.ts';
import { type MigrateShard, migrateShards } from './migrate-shards.ts';
import { resumePartition } from './resume-partition.ts';
import { verifyShard } from './verify-shard.ts';

/** Does what an operator asks for, with what the environment names. */
export interface Operator {
  operate(event: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** The operator of one installation; each verb is one use case. */
export async function startOperator(environment: Environment): Promise<Operator> {
  const secrets = createSecrets(environment);
  const config = await loadConfig(operatorConfig, environment, secrets);
  const logger = createLogger('operator', environment);
  const ownerUrls = config[ENV_SHARD_OWNER_URLS];
  const shards = config[ENV_SHARD_OPERATOR_URLS].map((operatorUrl, shard) =>
    createShardControl({
      ownerUrl: ownerUrls[shard] ?? '',
      operatorUrl,
      shard,
      mapVersion: routeMapVersion,
      logger,
    }),
  );
  const loginUrls = ([ENV_SHARD_OPERATOR_URLS, ENV_SHARD_WRITER_URLS, ENV_SHARD_READER_URLS] as const).map(
    (variable) => config[variable] ?? [],
  );
  const topicId = async (): Promise<string> => {
    const place = toLogPlace(config);
    const log = createLogReader({ ...place, security: iamSecurity(place.iamRegion) });
    try {
      return await log.topicId();
    } finally {
      await log.close();
    }
  };
  const migrate = async (): Promise<unknown> => {
    const { partitions } = usageTopic;
    const generation = config[ENV_LOG_GENERATION];
    const request = { ownerUrls, topicId: await topicId(), partitions, generation };
    return await migrateShards(request, migrateWithLogins(loginUrls));
  };
  return {
    async operate(event) {
      const request = fromOperatorEvent(event);
      logger.info({ request }, 'operator');
      return request.verb === 'migrate' ? await migrate() : await onShards(request, shards);
    },
    async close() {
      await Promise.all(shards.map((control) => control.close()));
    },
  };
}

/**
 * What a managed Postgres leaves to its owner, around the migrations: the extension that they refer to, and the
 * passwords of the logins that they make.
 */
function migrateWithLogins(loginUrls: readonly (readonly string[])[]): MigrateShard {
  return async (migration) => {
    const { ownerUrl, shard } = migration;
    await ensureStatistics(ownerUrl);
    const done = await migrateShard(migration);
    await setLoginPasswords(ownerUrl, loginsOf(loginUrls.flatMap((urls) => urls[shard] ?? [])));
    return done;
  };
}

/** The verbs that need migrated shards. */
async function onShards(
  request: Exclude<OperatorRequest, { verb: 'migrate' }>,
  shards: readonly ShardControl[],
): Promise<unknown> {
  switch (request.verb) {
    case 'halts':
      return await listHalts(shards);
    case 'verify':
      return await Promise.all(shards.map((control) => verifyShard(control, request.heads)));
    case 'quarantine':
      return await listQuarantine(shards, request.rows);
    case 'resume':
      return { outcome: await resumePartition(request, shards) };
  }
}

/**
 * AWS Lambda entry: `{verb, ...}`, invoked directly by an operator. It starts anew each time: `migrate` sets the
 * passwords that the secrets hold, so remembered ones would undo a change.
 */
export async function handler(event: unknown): Promise<unknown> {
  const operator = await startOperator(processEnvironment());
  try {
    return await operator.operate(event);
  } finally {
    await operator.close();
  }
}
