/** Lambda `operator`: carries out what an operator asks for; each verb is one use case. */
import { migrateShard } from '../../migrations/migrate.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { ensureStatistics, loginsOf, setLoginPasswords } from '../../shared/ledger/postgres/shard-logins.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { type FunctionStart, startForOnce } from '../../shared/runtime/process/function-start.ts';
import { closeDay } from './close-day.ts';
import { type OperatorConfig, operatorConfig } from './config.ts';
import { fromOperatorEvent } from './from-operator-event.ts';
import { listConflicts } from './list-conflicts.ts';
import { listHalts } from './list-halts.ts';
import { listQuarantine } from './list-quarantine.ts';
import { type MigrateShard, migrateShards } from './migrate-shards.ts';
import { resumePartition } from './resume-partition.ts';
import { verifyShard } from './verify-shard.ts';

export interface OperatorPorts {
  readonly shards: readonly ShardControl[];
  readonly migrate: () => ReturnType<typeof migrateShards>;
  readonly logger: Logger;
}

export type OperatorHandler = (event: unknown) => Promise<unknown>;

/** The operator of one installation. Throws `config_invalid` for an event with an unknown verb. */
export function build({ shards, migrate, logger }: OperatorPorts): OperatorHandler {
  return async (event) => {
    const request = fromOperatorEvent(event);
    logger.info({ request }, 'operator');
    switch (request.verb) {
      case 'migrate':
        return await migrate();
      case 'halts':
        return await listHalts(shards);
      case 'verify':
        return await Promise.all(shards.map((control) => verifyShard(control, request.heads)));
      case 'quarantine':
        return await listQuarantine(shards, { rowsMax: request.rows, before: request.before });
      case 'close-day':
        return await closeDay(request, shards);
      case 'conflicts':
        return await listConflicts(shards, { rowsMax: request.rows, before: request.before });
      case 'resume':
        return { outcome: await resumePartition(request, shards) };
    }
  };
}

/** The operator with its clients. */
export async function start({ load, keep, logger }: FunctionStart): Promise<OperatorHandler> {
  const config = await load(operatorConfig);
  const { log, ownerUrls, operatorUrls, generation, loginUrls } = config;
  const shards = operatorUrls.map((operatorUrl, shard) => {
    const ownerUrl = ownerUrls[shard] ?? '';
    return keep(createShardControl({ ownerUrl, operatorUrl, shard, mapVersion: routeMapVersion, logger }));
  });
  const migrate = async () => {
    const topicId = await topicIdOf(log);
    const request = { ownerUrls, topicId, partitions: usageTopic.partitions, generation };
    return await migrateShards(request, migrateWithLogins(loginUrls));
  };
  return build({ shards, migrate, logger });
}

/** Connects to the log here, because `migrate` alone needs it: no other verb waits for the connection. */
async function topicIdOf(log: OperatorConfig['log']): Promise<string> {
  const reader = createLogReader({ ...log, security: iamSecurity(log.iamRegion) });
  try {
    return await reader.topicId();
  } finally {
    await reader.close();
  }
}

/**
 * The migrations, with what the owner of a managed Postgres must do around them: create the extension that they
 * refer to, and set the passwords of the logins that they make.
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

/**
 * AWS Lambda entry: `{verb, ...}`, invoked directly by an operator. It reads the secrets at each invocation: `migrate`
 * sets the passwords that they hold, so remembered secrets would undo a change.
 */
export function handler(event: unknown): Promise<unknown> {
  return startForOnce('operator', processEnvironment(), start, (operate) => operate(event));
}
