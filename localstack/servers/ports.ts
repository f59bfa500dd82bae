import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeJsonAtomically } from '../processes/atomic-file.ts';
import { UserError } from '../processes/user-error.ts';

/**
 * Ports are taken from below the ranges from which systems give ports to outgoing connections (Linux from
 * 32768, macOS from 49152): one of those could take a port while its server is being restarted.
 */
const portMin = 15_000;
const portMax = 32_000;
const triesMax = 200;

const portsSchema = z.record(z.string(), z.number().int());

/** The port of each server by name, such as `redis` or `shard2`. */
export type Ports = Readonly<Record<string, number>>;

/**
 * One port for each name: the one asked for, else the one remembered below the data directory if it is still
 * free, else a free one, which is remembered. Two twins side by side thus keep out of each other's way.
 */
export async function choosePorts(dataDir: string, names: readonly string[], asked: Ports): Promise<Ports> {
  const file = join(dataDir, 'ports.json');
  const remembered = portsSchema.parse(readJson(file) ?? {});
  const taken = new Set<number>();
  const chosen: Record<string, number> = {};
  for (const name of names) {
    const port = await choosePort(name, { asked: asked[name], remembered: remembered[name] }, taken);
    taken.add(port);
    chosen[name] = port;
  }
  writeJsonAtomically(file, { ...remembered, ...chosen });
  return chosen;
}

/** Whether nobody listens on this port of the loopback address. */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A free port that is none of those. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (!taken.has(port) && (await portIsFree(port))) return port;
  }
  throw new UserError(`There is no free port between ${portMin} and ${portMax}.`);
}

async function choosePort(
  name: string,
  wishes: { readonly asked: number | undefined; readonly remembered: number | undefined },
  taken: ReadonlySet<number>,
): Promise<number> {
  const { asked, remembered } = wishes;
  if (asked !== undefined) {
    if (await portIsFree(asked)) return asked;
    throw new UserError(`Port ${asked}, asked for ${name}, is in use: free it or choose another.`);
  }
  if (remembered !== undefined && !taken.has(remembered) && (await portIsFree(remembered))) return remembered;
  return freePort(taken);
}
