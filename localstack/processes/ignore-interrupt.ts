/**
 * Loaded before an `api` worker's own code. Ctrl-C in a terminal reaches every process of the foreground group;
 * a worker that obeyed it would drop its requests while the supervisor is still about to stop it in order.
 */
process.on('SIGINT', () => undefined);
