import type pg from 'pg';
import {
  idleInTransactionTimeoutMs,
  lockTimeoutMs,
  readStatementTimeoutMs,
  shardReadConnectionsMax,
} from '../../domain/limits.ts';
import { routeMapVersion } from '../../domain/routing.ts';
import type { Logger } from '../../ports/logger.ts';
import { IdentityCheck } from './shard-identity.ts';
import { createShardPool } from './shard-pool.ts';

/** Connections of the reader login to one shard. */
export function createReaderPool(
  url: string,
  shard: number,
  applicationName: string,
  logger: Logger | undefined,
): pg.Pool {
  return createShardPool({
    url,
    identity: new IdentityCheck(shard, routeMapVersion),
    applicationName,
    connectionsMax: shardReadConnectionsMax,
    lockTimeoutMs,
    statementTimeoutMs: readStatementTimeoutMs,
    idleInTransactionTimeoutMs,
    logger,
  });
}
