import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where the connection breaks: before the server hears of COMMIT, or before the client hears the answer. */
type Cut = 'before-commit-arrives' | 'before-answer-arrives';

/** How connections die while nobody looks: by a reset, or without a word, as behind a router that forgot them. */
export type Death = 'reset' | 'silence';

/** A TCP proxy to one server that cuts the connection around the next COMMIT when it is armed. */
export interface CutProxy {
  /** The same address through the proxy. */
  readonly url: string;
  arm(cut: Cut): void;
  /** Ends every open connection; new ones pass. Answers how many there were. */
  kill(death: Death): number;
  /** How often it has cut: a test proves that its fault happened. */
  readonly cuts: number;
  close(): Promise<void>;
}

const commitMessage = Buffer.from('commit\0');

export async function cutProxy(url: string): Promise<CutProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  const clients: Socket[] = [];
  let armed: Cut | undefined;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const both = [client, upstream];
    clients.push(client);
    for (const socket of both) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
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
      if (silent.has(client)) return;
      const commits = chunk.includes(commitMessage);
      if (commits && armed === 'before-commit-arrives') return cut();
      answering = commits && armed === 'before-answer-arrives';
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (silent.has(client)) return;
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
    kill: (death) => {
      const dying = clients.filter((client) => sockets.has(client) && !silent.has(client));
      for (const client of dying) {
        if (death === 'reset') client.resetAndDestroy();
        else silent.add(client);
      }
      return dying.length;
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
