/** Lambda `authorizer`: who calls, by bearer token or API key; in front of every route that is not public. */
import type { ApiKeySource } from '../../shared/callers/api-key-source.ts';
import { createTokenVerifier } from '../../shared/callers/jwt/token-verifier.ts';
import { createCredentialsFunction } from '../../shared/callers/lambda/credentials-function.ts';
import { failure, OdometerError } from '../../shared/errors.ts';
import { createApiKeySource } from '../../shared/ledger/postgres/api-key-source.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { type AuthorizePorts, createAuthorizeCaller } from './authorize-caller.ts';
import { type AuthorizerConfig, authorizerConfig } from './config.ts';
import {
  type AuthorizerAnswer,
  type AuthorizerEvent,
  fromAuthorizerEvent,
  toAuthorizerAnswer,
  unavailableAnswer,
} from './from-authorizer-event.ts';

export type AuthorizerHandler = (event: AuthorizerEvent) => Promise<AuthorizerAnswer>;

/** The authorizer over the given ports. It throws only when the issuer's keys cannot be fetched: nobody passes then. */
export function build(ports: AuthorizePorts): AuthorizerHandler {
  const { logger } = ports;
  const authorizeCaller = createAuthorizeCaller(ports);
  return async (event) => {
    try {
      const authorization = await authorizeCaller(fromAuthorizerEvent(event));
      if (authorization.kind !== 'granted') logger.info({ code: authorization.code }, 'a caller was refused');
      return toAuthorizerAnswer(authorization);
    } catch (error) {
      logger.error(failure(error), 'a caller could not be checked');
      if (error instanceof OdometerError && error.code === 'api_keys_unavailable') return unavailableAnswer;
      throw error;
    }
  };
}

async function start(given: FunctionStart): Promise<AuthorizerHandler> {
  const { loadAndWatch, logger } = given;
  const config = await loadAndWatch(authorizerConfig);
  const { hashSecret, environment } = config;
  return build({
    tokens: createTokenVerifier(config, systemClock),
    apiKeys: { source: sourceOf(config, given), hashSecret, environment },
    clock: systemClock,
    logger,
  });
}

function sourceOf(
  { credentialsFunction, shardUrls: urls }: AuthorizerConfig,
  { keep, onRefused, logger }: FunctionStart,
): ApiKeySource {
  if (credentialsFunction !== undefined) return createCredentialsFunction(credentialsFunction);
  return keep(createApiKeySource({ urls, logger, onRefused }));
}

const { started } = functionStart('authorizer', start);

/** AWS Lambda entry: a REQUEST authorizer with simple responses. */
export async function handler(event: AuthorizerEvent): Promise<AuthorizerAnswer> {
  const authorize = await started();
  return authorize(event);
}
