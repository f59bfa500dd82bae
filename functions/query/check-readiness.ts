/** The use case: does every dependency answer, and soon? */
import { OdometerError } from '../../shared/errors.ts';
import { readinessAgeMsMax, readinessTimeoutMs } from '../../shared/limits.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';
import { within } from '../../shared/runtime/within.ts';

/** A dependency, by the name that the answer shows to operators. */
export interface Dependency {
  readonly name: string;
  /** Resolves when it answers; throws when it does not. */
  readonly check: () => Promise<unknown>;
}

export interface DependencyState {
  readonly name: string;
  /** `ok`, or the stable code of what is wrong: never a message, which could name hosts. */
  readonly state: string;
}

/**
 * Readiness for whoever asks: the dependencies are asked at most once in `readinessAgeMsMax`, and by one at a time.
 */
export function createReadiness(
  dependencies: readonly Dependency[],
  clock: Pick<Clock, 'monotonic'>,
): () => Promise<readonly DependencyState[]> {
  let asked: { readonly atMs: MonotonicMs; readonly states: Promise<readonly DependencyState[]> } | undefined;
  return () => {
    const atMs = clock.monotonic();
    if (asked !== undefined && atMs - asked.atMs < readinessAgeMsMax) return asked.states;
    asked = { atMs, states: checkReadiness(dependencies) };
    return asked.states;
  };
}

/** Asks all at once; each has `readinessTimeoutMs`. */
function checkReadiness(dependencies: readonly Dependency[]): Promise<readonly DependencyState[]> {
  return Promise.all(
    dependencies.map(async ({ name, check }) => {
      const answer = check().then(() => 'ok', stateOf);
      return { name, state: await within(answer, readinessTimeoutMs, () => 'timeout') };
    }),
  );
}

function stateOf(error: unknown): string {
  return error instanceof OdometerError ? error.code : 'error';
}
