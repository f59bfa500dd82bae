import { z } from 'zod';
import { ENV_ENCRYPTION_KEY, ENV_INGEST_LINGER_MS, ENV_RECEIPT_KEY } from '../../shared/contracts/env.ts';
import { lingerMsDefault } from '../../shared/limits.ts';
import { logConfig } from '../../shared/log/log-config.ts';
import { keyValue } from '../../shared/runtime/config.ts';

const ownConfig = z
  .object({
    [ENV_ENCRYPTION_KEY]: keyValue,
    [ENV_RECEIPT_KEY]: keyValue,
    [ENV_INGEST_LINGER_MS]: z.coerce.number().min(0).max(1000).default(lingerMsDefault),
  })
  .transform((values) => ({
    encryptionKey: values[ENV_ENCRYPTION_KEY],
    receiptKey: values[ENV_RECEIPT_KEY],
    lingerMs: values[ENV_INGEST_LINGER_MS],
  }));

/** What ingest reads from the environment. */
export const ingestConfig = logConfig.and(ownConfig);

export type IngestConfig = Readonly<z.output<typeof ingestConfig>>;
