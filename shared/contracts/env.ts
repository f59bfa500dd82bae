/**
 * Names of the environment variables that Odometer reads. One constant each, used by the handlers' configs,
 * the local twin and the CDK constructs, so that a name cannot differ between who sets it and who reads it.
 * Any value may be `secret:<name>`; `shared/runtime/config.ts` resolves it through the Secrets port.
 */
export const ENV_KAFKA_BOOTSTRAP_SERVERS = 'KAFKA_BOOTSTRAP_SERVERS';
export const ENV_KAFKA_TOPIC = 'KAFKA_TOPIC';
/** Starts a new value when an operator declares that offsets restart (U7); sealed into every receipt. */
export const ENV_LOG_GENERATION = 'LOG_GENERATION';
export const ENV_REDIS_URL = 'REDIS_URL';
export const ENV_REDIS_SENTINEL_URL = 'REDIS_SENTINEL_URL';
/** Comma-separated DSNs in shard order: the writer login, the reader login, the operator login (`billing`). */
export const ENV_SHARD_WRITER_URLS = 'SHARD_WRITER_URLS';
export const ENV_SHARD_READER_URLS = 'SHARD_READER_URLS';
export const ENV_SHARD_OPERATOR_URLS = 'SHARD_OPERATOR_URLS';
/** The same for the login that owns the schema and migrates it (CREATEROLE, not superuser). */
export const ENV_SHARD_OWNER_URLS = 'SHARD_OWNER_URLS';
/** 32 bytes, base64: seals event properties; only ingest (and later export) has it. */
export const ENV_ENCRYPTION_KEY = 'ENCRYPTION_KEY';
/** 32 bytes, base64: authenticates segments; only consumer and flusher have it. */
export const ENV_SEGMENT_KEY = 'SEGMENT_KEY';
/** `local`, `staging` or `production`: a dimension of the metrics of deployed functions, which nothing else has. */
export const ENV_STAGE = 'STAGE';
export const ENV_LOG_LEVEL = 'LOG_LEVEL';
/** Milliseconds that ingest waits for more events before it produces; 0 where one request runs at a time. */
export const ENV_INGEST_LINGER_MS = 'INGEST_LINGER_MS';
/** The version of the envelopes that ingest writes, 1 or 2; version 1 carries no dimensions. */
export const ENV_INGEST_ENVELOPE_VERSION = 'INGEST_ENVELOPE_VERSION';
/** Which fields of an OTLP data point may name its organization: `resource.NAME` or `attributes.NAME`, comma-separated. */
export const ENV_OTLP_ORGANIZATION = 'OTLP_ORGANIZATION';
/** Path of a JSON file `{name: value}` that answers `secret:<name>` where there is no secrets service. */
export const ENV_SECRETS_FILE = 'ODOMETER_SECRETS_FILE';
/** The local twin: its HTTP port, its data directory, and the number of `api` processes. */
export const ENV_PORT = 'ODOMETER_PORT';
export const ENV_DATA_DIR = 'ODOMETER_DATA_DIR';
export const ENV_WORKERS = 'WORKERS';
/** The local twin: ports of its servers (four for Postgres, comma-separated) where free ones will not do. */
export const ENV_KAFKA_PORT = 'ODOMETER_KAFKA_PORT';
export const ENV_REDIS_PORT = 'ODOMETER_REDIS_PORT';
export const ENV_POSTGRES_PORTS = 'ODOMETER_POSTGRES_PORTS';
/** The local twin: where it keeps the server programs that it downloads, for all clones of one user. */
export const ENV_CACHE_DIR = 'ODOMETER_CACHE_DIR';
/** `plaintext` (the default), or `msk-iam`: TLS, and the function's own role as identity. */
export const ENV_KAFKA_AUTH = 'KAFKA_AUTH';
/** Set by Lambda itself; with `msk-iam` the region of the brokers. */
export const ENV_AWS_REGION = 'AWS_REGION';
/**
 * The authorizer: HS256 by the secret, and by the previous one while the issuer changes; RS256 and ES256 by the key set's
 * address; issuer and audience of all.
 */
export const ENV_JWT_SECRET = 'JWT_SECRET';
export const ENV_JWT_SECRET_PREVIOUS = 'JWT_SECRET_PREVIOUS';
export const ENV_JWT_JWKS_URL = 'JWT_JWKS_URL';
export const ENV_JWT_ISSUER = 'JWT_ISSUER';
export const ENV_JWT_AUDIENCE = 'JWT_AUDIENCE';
/** The local twin: `required`, which asks this machine for a token too, or not set. */
export const ENV_AUTH = 'ODOMETER_AUTH';
/** Requests that one caller may send in a second, counted in Redis; 0, the default, is no limit and no question to Redis. */
export const ENV_CALLER_REQUESTS_PER_SECOND = 'CALLER_REQUESTS_PER_SECOND';
/** The local twin: origins whose pages may read answers (CORS), comma-separated; on AWS the stage's `corsOrigins`. */
export const ENV_CORS_ORIGINS = 'CORS_ORIGINS';
/** The bucket of the logged heads of the chains, for the function that copies them there. */
export const ENV_HEADS_BUCKET = 'HEADS_BUCKET';
/** Set by Lambda itself: whether the environment was made ahead of any request, `provisioned-concurrency`. */
export const ENV_LAMBDA_INITIALIZATION = 'AWS_LAMBDA_INITIALIZATION_TYPE';
/** Set by Lambda itself: where it is, metrics are written in embedded metric format. */
export const ENV_LAMBDA_NAME = 'AWS_LAMBDA_FUNCTION_NAME';

/** The secret behind each variable that holds one. A new name is a new, empty secret. */
export const secretNames = {
  [ENV_ENCRYPTION_KEY]: 'encryption-key',
  [ENV_SEGMENT_KEY]: 'segment-key',
  [ENV_JWT_SECRET]: 'jwt-secret',
  [ENV_JWT_SECRET_PREVIOUS]: 'jwt-secret-previous',
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
