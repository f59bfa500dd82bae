import { randomUUID } from 'node:crypto';
import type { Context } from 'aws-lambda';

/** The context that Lambda hands to a handler; `endsAtMs` is when it will be killed, by the monotonic clock. */
export function createContext(name: string, endsAtMs: () => number): Context {
  const functionName = `odometer-${name}`;
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${functionName}`,
    memoryLimitInMB: '1769',
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: `local/[$LATEST]${process.pid}`,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, endsAtMs() - performance.now()),
    // Lambda's callbacks of old, which Node 24 functions do not have any more; the type still asks for them.
    done: gone,
    fail: gone,
    succeed: gone,
  };
}

function gone(): never {
  throw new Error('handlers are async functions');
}
