import { z } from 'zod';
import {
  ENV_ENCRYPTION_KEY,
  ENV_INGEST_ENVELOPE_VERSION,
  ENV_INGEST_LINGER_MS,
} from '../../shared/contracts/env.ts';
import { lingerMsDefault } from '../../shared/limits.ts';
import { generationConfig, logConfig } from '../../shared/log/log-config.ts';
import { keyValue } from '../../shared/runtime/config.ts';

const ownConfig = z
  .object({
    [ENV_ENCRYPTION_KEY]: keyValue,
    [ENV_INGEST_LINGER_MS]: z.coerce.number().min(0).max(1000).default(lingerMsDefault),
    [ENV_INGEST_ENVELOPE_VERSION]: z.enum(['1', '2']).default('2'),
  })
  .transform((values) => ({
    encryptionKey: values[ENV_ENCRYPTION_KEY],
    lingerMs: values[ENV_INGEST_LINGER_MS],
    envelopeVersion: values[ENV_INGEST_ENVELOPE_VERSION] === '1' ? (1 as const) : (2 as const),
  }));

/** What ingest reads from the environment. */
export const ingestConfig = logConfig.and(generationConfig).and(ownConfig);

export type IngestConfig = Readonly<z.output<typeof ingestConfig>>;
