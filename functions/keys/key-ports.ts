import type { KeyEnvironment } from '../../shared/callers/api-key.ts';
import type { ApiKeyShard } from '../../shared/callers/api-key-shard.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';

/** What the use cases of API keys are handed. */
export interface KeyPorts {
  /** In shard order. */
  readonly shards: readonly ApiKeyShard[];
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Buffer;
  readonly hashSecret: Buffer;
  readonly environment: KeyEnvironment;
  readonly logger: Logger;
}
