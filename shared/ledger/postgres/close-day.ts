/**
 * Closes a day of one shard, and every day before it.
 *
 *   open     locked, everything of the day is committed     closed: ledger rows and `closed_before`, one transaction
 *   open     locked, something may not be                   open, and says so
 *   closed   a leaf holds closed days only                  detached, then dropped; cut off anywhere: the next run goes on
 *   closed   a leaf holds open days too                     stays until the last of them is closed
 */
import type pg from 'pg';
import { formatDay } from '../../events/calendar.ts';
import { closedDaysMax } from '../../limits.ts';
import { type Closing, type ClosingOutcome, closingProblem } from '../closing.ts';
import type { ChainedDay } from '../commit-hash.ts';
import { CountedWrites } from './counted-writes.ts';
import { execute } from './execute.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const setDecision = loadSql('set-decision');
const lockClosing = loadSql('lock-closing');
const readLeaves = loadSql('read-leaves');
const readHead = loadSql('read-head');
const digestDays = loadSql('digest-days');
const closeDays = loadSql('close-days');

interface LockedRow {
  readonly partition: number;
  readonly generation: number;
  readonly next_offset: string;
  readonly halted: boolean;
  readonly closed_before: number | null;
  readonly complete_through_ms: string | null;
  readonly decided_at_ms: string;
}

interface LeafRow {
  readonly leaf: string;
  readonly pending: boolean;
  readonly days: readonly number[] | null;
}

interface DigestRow {
  readonly day: string;
  readonly count: string;
  readonly sums: string;
}

/** On a connection of the owner, which no other transaction uses. Throws OdometerError. */
export async function closeDayOn(
  client: pg.ClientBase,
  closing: Closing,
  mapVersion: number,
): Promise<ClosingOutcome> {
  await execute(client, 'begin');
  const outcome = await close(client, closing, mapVersion);
  await execute(client, outcome.kind === 'closed' ? 'commit' : 'rollback');
  if (outcome.kind !== 'closed' && outcome.kind !== 'closed_already') return outcome;
  return { ...outcome, leavesDropped: await dropClosedLeaves(client, closing.day) };
}

async function close(client: pg.ClientBase, closing: Closing, mapVersion: number): Promise<ClosingOutcome> {
  const { day, by, why } = closing;
  const reads = new CountedWrites(client);
  await reads.read(setDecision, [by, why]);
  const locked = await reads.read<LockedRow>(lockClosing, []);
  const closedBefore = locked[0]?.closed_before ?? null;
  if (closedBefore !== null && day < closedBefore) return { kind: 'closed_already', leavesDropped: 0 };
  const problem = closingProblem(day, locked.map(fromRowLocked));
  if (problem !== null) return problem;
  const leaves = await reads.read<LeafRow>(readLeaves, []);
  const days = leaves
    .flatMap((leaf) => leaf.days ?? [])
    .filter((one) => one < day && one >= (closedBefore ?? one));
  if (days.length >= closedDaysMax) {
    const sorted = days.toSorted((a, b) => a - b);
    return { kind: 'too_many_days', first: sorted[closedDaysMax - 1] ?? day };
  }
  for (const row of locked) await addClosing(client, row, { days: [...days, day], closing, mapVersion });
  await reads.read(closeDays, [formatDay(day + 1)]);
  return { kind: 'closed', leavesDropped: 0 };
}

function fromRowLocked({ partition, halted, complete_through_ms: through, decided_at_ms: now }: LockedRow) {
  const completeThroughMs = through === null ? null : toSafeInteger(through);
  return { partition, halted, completeThroughMs, nowMs: toSafeInteger(now) };
}

/** The partition's ledger row with what its totals of these days are (U12). A day without events is named only if asked for. */
async function addClosing(
  client: pg.ClientBase,
  { partition, generation, next_offset, decided_at_ms: decidedAt }: LockedRow,
  { days, closing, mapVersion }: { days: readonly number[]; closing: Closing; mapVersion: number },
): Promise<void> {
  const statements = new CountedWrites(client);
  const [head] = await statements.read<{ sequence: string; hash: Buffer }>(readHead, [partition]);
  const digests = await statements.read<DigestRow>(digestDays, [partition, days.map(formatDay)]);
  const asked = formatDay(closing.day);
  const closed: readonly ChainedDay[] = digests
    .map(({ day, count, sums }) => ({ day, count: toSafeInteger(count), digest: null, sums }))
    .filter(({ day, count }) => count > 0 || day === asked);
  const at = toSafeInteger(next_offset);
  await statements.addCommit(
    head === undefined ? null : { sequence: toSafeInteger(head.sequence), hash: head.hash },
    {
      ...{ partition, generation, mapVersion, from: at, to: at, days: closed, source: 'decision' },
      ...{ decidedBy: closing.by, decidedWhy: closing.why, committedAtMs: toSafeInteger(decidedAt) },
      ...{ seen: 0, inserted: 0, duplicate: 0, conflicts: 0, quarantined: 0, foreign: 0 },
      // No segment is part of a decision.
      segmentVersion: 0,
    },
  );
}

/** CONCURRENTLY, so that nobody who reads or commits waits; it cannot run in a transaction. */
async function dropClosedLeaves(client: pg.ClientBase, lastClosed: number): Promise<number> {
  const { rows } = await execute<LeafRow>(client, readLeaves);
  const closed = rows.filter(({ days }) => days === null || days.every((day) => day <= lastClosed));
  for (const { leaf, pending, days } of closed) {
    // Names of leaves are letters, digits and underscores: `readLeaves` finds no others.
    if (days !== null) {
      const how = pending ? 'finalize' : 'concurrently';
      await execute(client, `alter table usage_events detach partition "${leaf}" ${how}`);
    }
    await execute(client, `drop table "${leaf}"`);
  }
  return closed.length;
}
