import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

/** Invokes a deployed function and waits; rejects with what it threw. Endpoint and region are the environment's. */
export function deployedInvoke(functionName: string): (event: unknown) => Promise<unknown> {
  const lambda = new LambdaClient({});
  return async (event) => {
    const request = { FunctionName: functionName, Payload: JSON.stringify(event) };
    const { Payload, FunctionError } = await lambda.send(new InvokeCommand(request));
    const text = Buffer.from(Payload ?? []).toString();
    if (FunctionError !== undefined) throw new Error(`${functionName} failed: ${text.slice(0, 1000)}`);
    return text === '' ? undefined : JSON.parse(text);
  };
}
