/** The settings of every function that speaks to the log itself. */
import { z } from 'zod';
import {
  ENV_AWS_REGION,
  ENV_KAFKA_AUTH,
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_KAFKA_TOPIC,
} from '../contracts/env.ts';
import { usageTopic } from '../contracts/topic.ts';

/** Members of a function's schema; `regionWithIam` checks them together. */
export const logVariables = {
  [ENV_KAFKA_BOOTSTRAP_SERVERS]: z.string(),
  [ENV_KAFKA_TOPIC]: z.string().default(usageTopic.name),
  [ENV_KAFKA_AUTH]: z.enum(['plaintext', 'msk-iam']).default('plaintext'),
  [ENV_AWS_REGION]: z.string().optional(),
};

type LogValues = Readonly<z.output<z.ZodObject<typeof logVariables>>>;

/** The two arguments of `refine`. */
export const regionWithIam: readonly [
  holds: (values: LogValues) => boolean,
  problem: { path: string[]; message: string },
] = [
  (values) => values[ENV_KAFKA_AUTH] === 'plaintext' || values[ENV_AWS_REGION] !== undefined,
  { path: [ENV_AWS_REGION], message: `must be set with ${ENV_KAFKA_AUTH}=msk-iam` },
];

/** Where the log is; with IAM the region of the brokers. */
export interface ConfiguredLog {
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly iamRegion?: string | undefined;
}

export function toLogPlace(values: LogValues): ConfiguredLog {
  return {
    bootstrapServers: values[ENV_KAFKA_BOOTSTRAP_SERVERS],
    topic: values[ENV_KAFKA_TOPIC],
    iamRegion: values[ENV_KAFKA_AUTH] === 'msk-iam' ? values[ENV_AWS_REGION] : undefined,
  };
}
