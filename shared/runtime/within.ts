/**
 * Settles like `work` if it does so within `ms` milliseconds, else like `late()`, which may throw. What `work`
 * does later is ignored. The one time limit of the code base: no timer outlives it.
 */
export async function within<T, Late>(work: Promise<T>, ms: number, late: () => Late): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const limit = new Promise<void>((resolve) => {
    // A busy process runs timers before it looks at its sockets: an answer that waits there still counts.
    timer = setTimeout(() => {
      immediate = setImmediate(resolve);
    }, ms);
  });
  try {
    return await Promise.race([work, limit.then(late)]);
  } finally {
    clearTimeout(timer);
    clearImmediate(immediate);
  }
}
