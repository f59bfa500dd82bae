import { z } from 'zod';
import { quotaConfig } from '../../shared/callers/quota-config.ts';
import {
  ENV_ENCRYPTION_KEY,
  ENV_INGEST_ENVELOPE_VERSION,
  ENV_INGEST_LINGER_MS,
  ENV_OTLP_ORGANIZATION,
} from '../../shared/contracts/env.ts';
import { isOtlpField, otlpOrganizationDefault } from '../../shared/contracts/otlp.ts';
import { lingerMsDefault } from '../../shared/limits.ts';
import { generationConfig, logConfig } from '../../shared/log/log-config.ts';
import { keyValue, listValue } from '../../shared/runtime/config.ts';

const otlpField = z.string().refine(isOtlpField, 'must be resource.NAME or attributes.NAME');

const ownConfig = z
  .object({
    [ENV_ENCRYPTION_KEY]: keyValue,
    [ENV_INGEST_LINGER_MS]: z.coerce.number().min(0).max(1000).default(lingerMsDefault),
    [ENV_INGEST_ENVELOPE_VERSION]: z.enum(['1', '2']).default('2'),
    [ENV_OTLP_ORGANIZATION]: listValue.pipe(z.array(otlpField)).optional(),
  })
  .transform((values) => ({
    encryptionKey: values[ENV_ENCRYPTION_KEY],
    lingerMs: values[ENV_INGEST_LINGER_MS],
    envelopeVersion: values[ENV_INGEST_ENVELOPE_VERSION] === '1' ? (1 as const) : (2 as const),
    otlpOrganization: values[ENV_OTLP_ORGANIZATION] ?? otlpOrganizationDefault,
  }));

/** What ingest reads from the environment. */
export const ingestConfig = logConfig.and(generationConfig).and(quotaConfig).and(ownConfig);

export type IngestConfig = Readonly<z.output<typeof ingestConfig>>;
