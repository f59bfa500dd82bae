/** A TCP proxy before one Postgres that cuts the first connection on which COMMIT is sent. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** `before`: the server never sees the COMMIT; `after`: it does, but its answer is lost. */
export type Cut = 'before' | 'after';

const commitQuery = Buffer.from('commit\0');

export async function startCommitProxy(dsn: string, cut: Cut) {
  const target = new URL(dsn);
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    client.on('data', (bytes) => {
      const committing = cuts === 0 && bytes.includes(commitQuery);
      if (!committing) {
        upstream.write(bytes);
        return;
      }
      cuts += 1;
      upstream.unpipe(client);
      client.destroy();
      if (cut === 'after') upstream.end(bytes);
      else upstream.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(dsn);
  through.hostname = '127.0.0.1';
  // A listening TCP server has an AddressInfo; only pipes have a string.
  through.port = String((server.address() as AddressInfo).port);
  return {
    dsn: through.href,
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
