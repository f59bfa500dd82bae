/** A TCP proxy to one server that cuts the connection around the next COMMIT when it is armed. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Where the connection breaks: before the server hears of COMMIT, or before the client hears the answer. */
export type Cut = 'before-commit-arrives' | 'before-answer-arrives';

/** How connections die unnoticed: by a reset, or in silence, as behind a router that forgot them. */
export type Death = 'reset' | 'silence';

const commitMessage = Buffer.from('commit\0');

export async function cutProxy(url: string): Promise<CutProxy> {
  const target = new URL(url);
  const server = createServer();
  const proxy = new CutProxy(target, server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return proxy;
}

export class CutProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #armed: Cut | undefined;
  #cuts = 0;

  constructor(target: URL, server: Server) {
    this.#target = target;
    this.#server = server.on('connection', (client: Socket) => this.#join(client));
  }

  /** The same address through the proxy. */
  get url(): string {
    const through = new URL(this.#target);
    // A listening TCP server has an AddressInfo; only pipes have a string.
    through.port = String((this.#server.address() as AddressInfo).port);
    return through.href;
  }

  /** How often it has cut: a test proves that its fault happened. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Cuts the next connection that sends COMMIT, and that one alone. */
  arm(cut: Cut): void {
    this.#armed = cut;
  }

  /** Ends every open connection; new ones pass. Answers how many there were. */
  kill(death: Death): number {
    const dying = [...this.#links].filter((link) => !link.silent);
    for (const link of dying) link.die(death);
    return dying.length;
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const upstream = connect(Number(this.#target.port), this.#target.hostname);
    const link: Link = new Link(client, upstream, {
      passes: (chunk) => this.#passes(link, chunk),
      closed: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }

  /** Whether the link goes on after these bytes of its client. */
  #passes(link: Link, chunk: Buffer): boolean {
    const cut = this.#armed;
    if (cut === undefined || !chunk.includes(commitMessage)) return true;
    this.#armed = undefined;
    if (cut === 'before-commit-arrives') this.#cuts += 1;
    else
      link.cutAtAnswer(() => {
        this.#cuts += 1;
      });
    return cut === 'before-answer-arrives';
  }
}

interface LinkEvents {
  readonly passes: (chunk: Buffer) => boolean;
  readonly closed: () => void;
}

/** One client and its connection to the server. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  #reportCut: (() => void) | undefined;
  #silent = false;

  // Same type: the two ends of one connection, in the order in which a request passes them.
  constructor(client: Socket, upstream: Socket, events: LinkEvents) {
    this.#client = client;
    this.#upstream = upstream;
    for (const socket of [client, upstream])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          this.destroy();
          events.closed();
        });
    client.on('data', (chunk: Buffer) => this.#forward(chunk, events.passes));
    upstream.on('data', (chunk: Buffer) => this.#answer(chunk));
  }

  get silent(): boolean {
    return this.#silent;
  }

  die(death: Death): void {
    if (death === 'reset') this.#client.resetAndDestroy();
    else this.#silent = true;
  }

  cutAtAnswer(reportCut: () => void): void {
    this.#reportCut = reportCut;
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #forward(chunk: Buffer, passes: LinkEvents['passes']): void {
    if (this.#silent) return;
    if (passes(chunk)) this.#upstream.write(chunk);
    else this.destroy();
  }

  #answer(chunk: Buffer): void {
    if (this.#silent) return;
    if (this.#reportCut === undefined) {
      this.#client.write(chunk);
      return;
    }
    this.#reportCut();
    this.#reportCut = undefined;
    this.destroy();
  }
}
