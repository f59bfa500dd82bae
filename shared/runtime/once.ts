/**
 * Runs an asynchronous start once and shares its result: a Lambda environment's clients are made at the first
 * invocation and kept. A start that fails is tried again by the next caller.
 */
export function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => {
    started ??= start().catch((error: unknown) => {
      started = undefined;
      throw error;
    });
    return started;
  };
}
