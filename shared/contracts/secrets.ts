/** Names of the secrets that functions read at run time: a new name is a new, empty secret. */
import {
  ENV_ENCRYPTION_KEY,
  ENV_JWT_SECRET,
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_REDIS_URL,
  ENV_SEGMENT_KEY,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
  ENV_SHARD_READER_URLS,
  ENV_SHARD_WRITER_URLS,
} from './env.ts';

/** The secret behind each variable that holds one. */
export const secretNames = {
  [ENV_ENCRYPTION_KEY]: 'encryption-key',
  [ENV_SEGMENT_KEY]: 'segment-key',
  [ENV_JWT_SECRET]: 'jwt-secret',
  [ENV_REDIS_URL]: 'redis-url',
  [ENV_SHARD_WRITER_URLS]: 'shard-writer-urls',
  [ENV_SHARD_READER_URLS]: 'shard-reader-urls',
  [ENV_SHARD_OPERATOR_URLS]: 'shard-operator-urls',
  [ENV_SHARD_OWNER_URLS]: 'shard-owner-urls',
  [ENV_KAFKA_BOOTSTRAP_SERVERS]: 'kafka-bootstrap-servers',
} as const;

export type SecretVariable = keyof typeof secretNames;

/** A secret's full name in an account that may hold several stages. */
export function stageSecretName(stage: string, variable: SecretVariable): string {
  return `odometer/${stage}/${secretNames[variable]}`;
}
