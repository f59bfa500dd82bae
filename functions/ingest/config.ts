import { z } from 'zod';
import {
  ENV_ENCRYPTION_KEY,
  ENV_INGEST_LINGER_MS,
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_KAFKA_TOPIC,
  ENV_LOG_GENERATION,
} from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { lingerMsDefault } from '../../shared/domain/limits.ts';
import { keyValue } from '../../shared/runtime/config.ts';

const partitions: number = usageTopic.partitions;

/** What ingest reads from the environment. */
export const ingestConfig = z
  .object({
    [ENV_KAFKA_BOOTSTRAP_SERVERS]: z.string(),
    [ENV_KAFKA_TOPIC]: z.string().default(usageTopic.name),
    [ENV_LOG_GENERATION]: z.coerce.number().int().min(1).default(1),
    [ENV_ENCRYPTION_KEY]: keyValue,
    [ENV_INGEST_LINGER_MS]: z.coerce.number().min(0).max(1000).default(lingerMsDefault),
  })
  .transform((values) => ({
    bootstrapServers: values[ENV_KAFKA_BOOTSTRAP_SERVERS],
    topic: values[ENV_KAFKA_TOPIC],
    partitions,
    generation: values[ENV_LOG_GENERATION],
    encryptionKey: values[ENV_ENCRYPTION_KEY],
    lingerMs: values[ENV_INGEST_LINGER_MS],
  }));

export type IngestConfig = Readonly<z.output<typeof ingestConfig>>;
