import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';

/**
 * A process beyond doubt: process ids are reused, a pair of id and start time is not. `startedAt` is only
 * compared for equality, so its unit does not matter.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** The start time of a process, or undefined when no process has this id. A zombie counts as gone. */
export function startTimeOf(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
}

/** The identity of a process of ours that was just started. */
export function identify(pid: number): ProcessIdentity {
  return { pid, startedAt: startTimeOf(pid) ?? 'gone' };
}

/** Whether exactly this process still runs, and not another that was given its id. */
export function stillRuns(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startedAt;
}

/** Sends the signal only to the very process that is meant; says whether it was there. */
export function signalExactly(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!stillRuns(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false; // It ended between the two lines.
  }
}

/** Parses field 22 of `/proc/PID/stat`; the name in field 2 may hold spaces and parentheses. */
export function startTimeInStat(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function linuxStartTime(pid: number): string | undefined {
  try {
    return startTimeInStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** As `ps` says it where there is no `/proc`. */
export function psStartTime(pid: number): string | undefined {
  try {
    // Two processes of a twin may have started in two time zones and languages.
    const env = { ...processEnvironment(), TZ: 'UTC', LC_ALL: 'C' };
    const line = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env,
    }).trim();
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}
