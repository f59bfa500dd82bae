import { z } from 'zod';
import { ENV_ENCRYPTION_KEY, ENV_INGEST_LINGER_MS, ENV_LOG_GENERATION } from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { lingerMsDefault } from '../../shared/limits.ts';
import { logVariables, regionWithIam, toLogPlace } from '../../shared/log/log-config.ts';
import { keyValue } from '../../shared/runtime/config.ts';

const partitions: number = usageTopic.partitions;

/** What ingest reads from the environment. */
export const ingestConfig = z
  .object({
    ...logVariables,
    [ENV_LOG_GENERATION]: z.coerce.number().int().min(1).default(1),
    [ENV_ENCRYPTION_KEY]: keyValue,
    [ENV_INGEST_LINGER_MS]: z.coerce.number().min(0).max(1000).default(lingerMsDefault),
  })
  .refine(...regionWithIam)
  .transform((values) => ({
    ...toLogPlace(values),
    partitions,
    generation: values[ENV_LOG_GENERATION],
    encryptionKey: values[ENV_ENCRYPTION_KEY],
    lingerMs: values[ENV_INGEST_LINGER_MS],
  }));

export type IngestConfig = Readonly<z.output<typeof ingestConfig>>;
