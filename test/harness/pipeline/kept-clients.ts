import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type * as Lifetimes from '../../../shared/runtime/lifetime.ts';

/** The clients of functions that are loaded from now on; a deployed function is frozen and never closes them. */
export class KeptClients {
  readonly #kept: { close(): Promise<void> }[] = [];

  constructor() {
    // What is loaded already would go on as it is.
    vi.resetModules();
    const path = fileURLToPath(new URL('../../../shared/runtime/lifetime.ts', import.meta.url));
    vi.doMock(path, async (importOriginal) => {
      const original = await importOriginal<typeof Lifetimes>();
      return { ...original, renewable: this.#recording(original.renewable) };
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#kept.splice(0).map((client) => client.close()));
  }

  #recording(renewable: typeof Lifetimes.renewable): typeof Lifetimes.renewable {
    return (clock, start) =>
      renewable(clock, ({ keep, ...lifetime }) =>
        start({
          ...lifetime,
          keep: (client) => {
            this.#kept.push(client);
            return keep(client);
          },
        }),
      );
  }
}
