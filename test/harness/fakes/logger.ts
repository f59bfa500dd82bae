import type { Logger } from '../../../shared/runtime/logger.ts';

/** Keeps the messages, so that a test can ask what was said. */
export function fakeLogger(): Logger & { readonly messages: string[] } {
  const messages: string[] = [];
  const keep = (_fields: Record<string, unknown>, message: string) => {
    messages.push(message);
  };
  return { messages, debug: keep, info: keep, warn: keep, error: keep };
}
