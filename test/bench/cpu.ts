/** CPU time of processes by role, from /proc (Linux only). */
import { readdirSync, readFileSync } from 'node:fs';
import type { Processes } from '../../shared/contracts/endpoints.ts';

const ticksPerSecond = 100;

/** Milliseconds of CPU per role, children of each process included (Postgres has one process a connection). */
export function cpuByRole(processes: Processes): ReadonlyMap<string, number> {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readStat);
  const sum = (pids: readonly number[]) => {
    const own = stats.filter(({ pid, parent }) => pids.includes(pid) || pids.includes(parent));
    return own.reduce((ms, stat) => ms + stat.cpuMs, 0);
  };
  const { api, consumer, flusher, kafka, redis, shard0, shard1, shard2, shard3 } = processes;
  return new Map([
    ['api', sum(api)],
    ['consumer', sum([consumer])],
    ['flusher', sum([flusher])],
    ['kafka', sum(kafka)],
    ['redis', sum([redis])],
    ['postgres', sum([shard0, shard1, shard2, shard3])],
  ]);
}

function readStat(pid: string) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the command name in parentheses: state, parent, ...; utime and stime are fields 14 and 15, and
    // 16 and 17 are those of children that have ended.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [utime = 0, stime = 0, childUtime = 0, childStime = 0] = fields.slice(11, 15);
    const ticks = utime + stime + childUtime + childStime;
    return [{ pid: Number(pid), parent: fields[1] ?? 0, cpuMs: (ticks * 1000) / ticksPerSecond }];
  } catch {
    // The process ended between the listing and the reading.
    return [];
  }
}
