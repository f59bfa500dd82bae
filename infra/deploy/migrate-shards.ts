/** Custom resource: the operator function migrates the shards; its failure is the deployment's. */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type Attributes, answering } from './answer.ts';

export const handler = answering(async ({ ['Operator']: operator }): Promise<Attributes> => {
  if (typeof operator !== 'string') throw new Error('Operator is missing');
  const request = { FunctionName: operator, Payload: JSON.stringify({ verb: 'migrate' }) };
  const answer = await new LambdaClient({}).send(new InvokeCommand(request));
  const text = Buffer.from(answer.Payload ?? []).toString();
  if (answer.FunctionError !== undefined) throw new Error(`the migration failed: ${text.slice(0, 1000)}`);
  return {};
});
