/** Lambda `credentials`: API keys of the shards, for the authorizer, which runs outside of the network. */
import type { ApiKeySource } from '../../shared/callers/api-key-source.ts';
import { createApiKeySource } from '../../shared/ledger/postgres/api-key-source.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { answerQuestion } from './answer-question.ts';
import { credentialsConfig } from './config.ts';
import { fromAuthorizerQuestion } from './from-authorizer-question.ts';

export type CredentialsHandler = (event: unknown) => Promise<unknown>;

/** The handler over the given shards. */
export function build(source: ApiKeySource): CredentialsHandler {
  return async (event) => answerQuestion(source, fromAuthorizerQuestion(event));
}

async function start({ load, keep, onRefused, logger }: FunctionStart): Promise<CredentialsHandler> {
  const { shardUrls: urls } = await load(credentialsConfig);
  return build(keep(createApiKeySource({ urls, logger, onRefused })));
}

const { started } = functionStart('credentials', start);

/** AWS Lambda entry: invoked by the authorizer alone. */
export async function handler(event: unknown): Promise<unknown> {
  const answer = await started();
  return answer(event);
}
