/** Lambda `authorizer`: who calls, by bearer token; in front of every route that is not public. */
import { createTokenVerifier } from '../../shared/callers/jwt/token-verifier.ts';
import { failure } from '../../shared/errors.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { type AuthorizePorts, createAuthorizeCaller } from './authorize-caller.ts';
import { authorizerConfig } from './config.ts';
import {
  type AuthorizerAnswer,
  type AuthorizerEvent,
  fromAuthorizerEvent,
  toAuthorizerAnswer,
} from './from-authorizer-event.ts';

export interface AuthorizerPorts extends AuthorizePorts {
  readonly logger: Logger;
}

export type AuthorizerHandler = (event: AuthorizerEvent) => Promise<AuthorizerAnswer>;

/** The authorizer over the given ports. It throws only when the issuer's keys cannot be fetched: nobody passes then. */
export function build({ logger, ...ports }: AuthorizerPorts): AuthorizerHandler {
  const authorizeCaller = createAuthorizeCaller(ports);
  return async (event) => {
    try {
      const authorization = await authorizeCaller(fromAuthorizerEvent(event));
      if (authorization.kind !== 'granted') logger.info({ code: authorization.code }, 'a caller was refused');
      return toAuthorizerAnswer(authorization);
    } catch (error) {
      logger.error(failure(error), 'a caller could not be checked');
      throw error;
    }
  };
}

async function start({ loadAndWatch, logger }: FunctionStart): Promise<AuthorizerHandler> {
  const config = await loadAndWatch(authorizerConfig);
  return build({ tokens: createTokenVerifier(config, systemClock), clock: systemClock, logger });
}

const { started } = functionStart('authorizer', start);

/** AWS Lambda entry: a REQUEST authorizer with simple responses. */
export async function handler(event: AuthorizerEvent): Promise<AuthorizerAnswer> {
  const authorize = await started();
  return authorize(event);
}
