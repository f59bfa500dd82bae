/** Running work may end within this time; the supervisor kills the process a little later. */
const stopMs = 10_000;

/** Runs `stop` once at SIGTERM or SIGINT and ends the process with 0, after `stopMs` at the latest. */
export function onStop(stop: () => Promise<void>): void {
  let stopping = false;
  const begin = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), stopMs).unref();
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', begin);
  process.on('SIGINT', begin);
}
