import { describe, expect, it } from 'vitest';
import { deathsInARow, restartDelayMs } from '../../localstack/processes/back-off.ts';

describe('back-off of restarts', () => {
  it.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [6, 3_200],
    [7, 5_000],
    [50, 5_000],
  ])('death %i in a row waits %i ms', (deaths, delay) => {
    expect(restartDelayMs(deaths)).toBe(delay);
  });

  it('a death after 30 healthy seconds counts as the first', () => {
    expect(deathsInARow({ before: 5, readyMs: 30_000 })).toBe(1);
    expect(deathsInARow({ before: 5, readyMs: 29_999 })).toBe(6);
    expect(deathsInARow({ before: 5, readyMs: undefined })).toBe(6);
  });
});
