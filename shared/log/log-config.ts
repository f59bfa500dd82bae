/** The log's parts of a function's configuration. A function joins the parts that it needs by `and`. */
import { z } from 'zod';
import {
  ENV_AWS_REGION,
  ENV_KAFKA_AUTH,
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_KAFKA_TOPIC,
} from '../contracts/env.ts';
import { usageTopic } from '../contracts/topic.ts';

export const topicValue = z.string().default(usageTopic.name);

/** Where the log is, for whatever speaks to it; with IAM also the region of the brokers. */
export const logConfig = z
  .object({
    [ENV_KAFKA_BOOTSTRAP_SERVERS]: z.string(),
    [ENV_KAFKA_TOPIC]: topicValue,
    [ENV_KAFKA_AUTH]: z.enum(['plaintext', 'msk-iam']).default('plaintext'),
    [ENV_AWS_REGION]: z.string().optional(),
  })
  .refine((values) => values[ENV_KAFKA_AUTH] === 'plaintext' || values[ENV_AWS_REGION] !== undefined, {
    path: [ENV_AWS_REGION],
    message: `must be set with ${ENV_KAFKA_AUTH}=msk-iam`,
  })
  .transform((values) => ({
    log: {
      bootstrapServers: values[ENV_KAFKA_BOOTSTRAP_SERVERS],
      topic: values[ENV_KAFKA_TOPIC],
      iamRegion: values[ENV_KAFKA_AUTH] === 'msk-iam' ? values[ENV_AWS_REGION] : undefined,
    },
  }));
