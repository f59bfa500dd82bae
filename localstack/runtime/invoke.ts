import type { Logger } from '../../shared/runtime/logger.ts';
import { createContext } from './lambda-context.ts';
import type { Handler } from './load-handler.ts';

export interface InvokeOptions {
  readonly name: string;
  readonly handler: Handler;
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** Ends the process at once, as Lambda does at a timeout; the supervisor starts it again. */
  readonly kill?: () => void;
  /** Whether the process is about to stop: handlers then see no time left, so that they end early. */
  readonly stopping?: () => boolean;
}

/** Invokes a function with a context and the timeout's kill. */
export function createInvoke(options: InvokeOptions): (event: unknown) => Promise<unknown> {
  const { name, handler, timeoutMs, logger, kill = killThisProcess, stopping = () => false } = options;
  return async (event) => {
    const endsAtMs = performance.now() + timeoutMs;
    const timer = setTimeout(() => {
      logger.error({ timeoutMs }, 'the function timed out');
      kill();
    }, timeoutMs);
    try {
      return await handler(
        event,
        createContext(name, () => (stopping() ? 0 : endsAtMs)),
      );
    } finally {
      clearTimeout(timer);
    }
  };
}

function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}
