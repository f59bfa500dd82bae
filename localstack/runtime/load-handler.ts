import type { Context } from 'aws-lambda';
import { invariant } from '../../shared/errors.ts';

/** A Lambda handler as `functions/X/handler.ts` exports it. */
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

/** The handler of a function by its name in the contracts. */
export async function loadHandler(functionName: string): Promise<Handler> {
  const url = new URL(`../../functions/${functionName}/handler.ts`, import.meta.url);
  const module: unknown = await import(url.href);
  const handler: unknown = typeof module === 'object' && module ? Reflect.get(module, 'handler') : undefined;
  invariant(typeof handler === 'function', `functions/${functionName}/handler.ts exports no handler`);
  return (event, context) => Promise.resolve(handler(event, context));
}
