const restartDelayFirstMs = 100;
const restartDelayMaxMs = 5_000;
/** A process that lived this long after it was ready is healthy: its next death starts at the first delay. */
const healthyAfterMs = 30_000;

/** How long to wait before the restart that follows the given number of deaths in a row (1 = the first). */
export function restartDelayMs(deaths: number): number {
  return Math.min(restartDelayFirstMs * 2 ** Math.max(0, deaths - 1), restartDelayMaxMs);
}

/** Deaths in a row, now that a process has died after being ready for `readyMs` (undefined: never ready). */
export function deathsInARow(life: {
  readonly before: number;
  readonly readyMs: number | undefined;
}): number {
  const { before, readyMs } = life;
  return readyMs !== undefined && readyMs >= healthyAfterMs ? 1 : before + 1;
}
