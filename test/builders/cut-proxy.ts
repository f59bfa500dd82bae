import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where the connection breaks: before the server hears of COMMIT, or before the client hears the answer. */
type Cut = 'before-commit-arrives' | 'before-answer-arrives';

/** A TCP proxy to one Postgres that cuts the connection around the next COMMIT when it is armed. */
export interface CutProxy {
  /** The same DSN through the proxy. */
  readonly url: string;
  arm(cut: Cut): void;
  /** How often it has cut: a test proves that its fault happened. */
  readonly cuts: number;
  close(): Promise<void>;
}

const commitMessage = Buffer.from('commit\0');

export async function cutProxy(url: string): Promise<CutProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let armed: Cut | undefined;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const both = [client, upstream];
    for (const socket of both) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        for (const one of both) one.destroy();
      });
    }
    const cut = (): void => {
      armed = undefined;
      cuts += 1;
      for (const socket of both) socket.destroy();
    };
    let answering = false;
    client.on('data', (chunk: Buffer) => {
      const commits = chunk.includes(commitMessage);
      if (commits && armed === 'before-commit-arrives') return cut();
      answering = commits && armed === 'before-answer-arrives';
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (answering) return cut();
      client.write(chunk);
    });
  });
  const port = await listen(server);
  const through = new URL(url);
  through.port = String(port);
  return {
    url: through.href,
    arm: (cut) => {
      armed = cut;
    },
    get cuts() {
      return cuts;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('the proxy has no port'));
    });
  });
}
