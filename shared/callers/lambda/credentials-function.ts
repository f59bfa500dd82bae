import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { OdometerError } from '../../errors.ts';
import { apiKeyFunctionTimeoutMs } from '../../limits.ts';
import { type ApiKeyQuestion, fromMessage } from '../api-key-message.ts';
import type { ApiKeySource } from '../api-key-source.ts';

/** API keys by a function of this name inside of the network; region and endpoint are this function's own. */
export function createCredentialsFunction(name: string): ApiKeySource {
  const client = new LambdaClient({
    maxAttempts: 1,
    requestHandler: { connectionTimeout: apiKeyFunctionTimeoutMs, requestTimeout: apiKeyFunctionTimeoutMs },
  });
  const invoke = async (question: ApiKeyQuestion, type: 'RequestResponse' | 'Event') => {
    try {
      const request = { FunctionName: name, InvocationType: type, Payload: JSON.stringify(question) };
      const { Payload = [], FunctionError } = await client.send(new InvokeCommand(request));
      if (FunctionError !== undefined) throw new Error(`it failed: ${FunctionError}`);
      return Buffer.from(Payload).toString();
    } catch (cause) {
      throw new OdometerError('api_keys_unavailable', `the function ${name} does not answer`, {
        retryable: true,
        cause,
      });
    }
  };
  return {
    changes: async (places) =>
      fromMessage(JSON.parse(await invoke({ places: [...places] }, 'RequestResponse'))),
    async noteUses(uses) {
      // Lambda has it when it answers; nobody waits for the shard.
      await invoke({ uses: [...uses] }, 'Event');
    },
  };
}
