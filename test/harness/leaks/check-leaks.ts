/**
 * A set-up file of every project: each test file fails that leaves something behind (see `leak-record.ts`), or a
 * session on the Postgres servers of the tier. It runs anew for each file, also where files share a process.
 */
import { afterAll, inject } from 'vitest';
import type { TestServers } from '../servers/servers.ts';
import { LeakRecord } from './leak-record.ts';

const record = new LeakRecord();

// Registered before any hook of the file, so it runs after all of them.
afterAll(async () => {
  const left = [...(await record.end()), ...(await sessions())];
  if (left.length > 0) throw new Error(`this test file leaves behind:\n  ${left.join('\n  ')}`);
});

async function sessions(): Promise<readonly string[]> {
  // Only the tiers with servers of their own provide them.
  const servers = inject('servers') as TestServers | undefined;
  if (servers === undefined) return [];
  const { sessionsLeft } = await import('./sessions.ts');
  return (await Promise.all(servers.superuserUrls.map((url) => sessionsLeft(url)))).flat();
}
