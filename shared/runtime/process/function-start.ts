/** How every function starts: once, as its environment says, and again when a server refuses its credentials. */
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { ENV_LAMBDA_INITIALIZATION } from '../../contracts/env.ts';
import { failure } from '../../errors.ts';
import { type Environment, loadConfig } from '../config.ts';
import { type Lifetime, renewable, withLifetime } from '../lifetime.ts';
import type { Logger } from '../logger.ts';
import { createMetrics } from '../metrics/emf-metrics.ts';
import type { Metrics } from '../metrics.ts';
import { createSecrets } from '../secrets/secrets.ts';
import { processEnvironment } from './environment.ts';
import { createLogger } from './pino-logger.ts';
import { systemClock } from './system-clock.ts';

/** What the `start` of a function is given. */
export interface FunctionStart extends Omit<Lifetime, 'watch'> {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** No request waits: whatever the first one would wait for may be done now. */
  readonly ahead: boolean;
  /** The environment, as the function's own schema reads it. Throws `config_invalid` with every problem. */
  readonly load: Load;
  /** As `load`, for secrets that we check ourselves: the function starts again within a minute after one was replaced. */
  readonly loadAndWatch: Load;
}

type Load = <Schema extends z.ZodType>(schema: Schema) => Promise<Readonly<z.output<Schema>>>;

/** A function before its first invocation. */
export interface StartedFunction<Started> {
  readonly logger: Logger;
  /** What `start` made; each invocation asks for it. */
  readonly started: () => Promise<Started>;
}

/** The function of this name, in the environment of this process. */
export function functionStart<Started>(
  name: string,
  start: (given: FunctionStart) => Promise<Started>,
): StartedFunction<Started> {
  const environment = processEnvironment();
  const logger = createLogger(name, environment);
  const started = renewable(systemClock, (lifetime) => start(startOf(name, environment, logger, lifetime)));
  return { logger, started };
}

/**
 * Starts an environment that Lambda makes ahead of requests before the first one, which need not wait for secrets and
 * connections then. A start that fails leaves it to the first request: a version whose environments cannot be made would
 * stop its own deployment and the one after it.
 */
export async function startedAhead<Started>(
  fn: StartedFunction<Started>,
  environment: Environment = processEnvironment(),
): Promise<StartedFunction<Started>> {
  if (!isAhead(environment)) return fn;
  await fn.started().catch((error: unknown) => {
    fn.logger.warn(failure(error), 'the function did not start ahead of requests');
  });
  return fn;
}

/** Starts the function of this name in the given environment, uses it once, and closes its clients. */
export function startForOnce<Started, Answer>(
  name: string,
  environment: Environment,
  start: (given: FunctionStart) => Promise<Started>,
  use: (started: Started) => Promise<Answer>,
): Promise<Answer> {
  const logger = createLogger(name, environment);
  return withLifetime(async (lifetime) => use(await start(startOf(name, environment, logger, lifetime))));
}

function isAhead({ [ENV_LAMBDA_INITIALIZATION]: initialization }: Environment): boolean {
  return initialization === 'provisioned-concurrency';
}

function startOf(name: string, environment: Environment, logger: Logger, lifetime: Lifetime): FunctionStart {
  // Secrets are read anew at each start: remembered ones would be the refused ones.
  const secrets = createSecrets(environment);
  const load: Load = (schema) => loadConfig(schema, environment, secrets);
  return {
    keep: lifetime.keep,
    onRefused: lifetime.onRefused,
    logger,
    metrics: createMetrics(name, environment),
    ahead: isAhead(environment),
    load,
    async loadAndWatch(schema) {
      const config = await load(schema);
      lifetime.watch(async () => {
        try {
          return !isDeepStrictEqual(await load(schema), config);
        } catch (error) {
          logger.error(failure(error), 'secrets were not read again; the last ones go on');
          throw error;
        }
      });
      return config;
    },
  };
}
