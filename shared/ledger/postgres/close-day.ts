/**
 * Closes a day of one shard, and every day before it.
 *
 *   open      something of the day may not be committed       open, and says so
 *   open      rows, totals and ledger of a day differ         open, and names the first such day and what differs in it
 *   open      they agree                                      compared: the digests of the totals that agree
 *   compared  locked, an event was counted since, or another  open, and names the days: what they hold was not compared
 *             closing was made
 *   compared  locked                                          closed: ledger rows and `closed_before`, one transaction
 *   closed    a leaf holds closed days only                   detached, then dropped; cut off anywhere: the next run goes on
 *   closed    a leaf holds open days too                      stays until the last of them is closed
 *
 * Comparing reads every row of the days, so no lock is held meanwhile. What the closing row keeps is what was compared, and
 * not what the totals are by then: a total that is changed in between differs from it for ever.
 */
import type pg from 'pg';
import { invariant } from '../../errors.ts';
import { formatDay } from '../../events/calendar.ts';
import { type Closing, type ClosingOutcome, type ClosingProblem, closingProblem } from '../closing.ts';
import { type ComparedDays, compareDays } from './compare-days.ts';
import { CountedWrites, countedNothing } from './counted-writes.ts';
import { dropClosedLeaves, leavesOf } from './drop-leaves.ts';
import { execute } from './execute.ts';
import { toSafeInteger } from './row-values.ts';
import { type ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const setDecision = loadSql('set-decision');
const lockBound = loadSql('lock-bound');
const lockClosing = loadSql('lock-closing');
const readHead = loadSql('read-head');
const readCountedSince = loadSql('read-counted-since');
const closeDays = loadSql('close-days');

interface LockedRow {
  readonly partition: number;
  readonly generation: number;
  readonly next_offset: string;
  readonly halted: boolean;
  readonly complete_through_ms: string | null;
  readonly decided_at_ms: string;
}

/** The logins that a closing takes: only `reads` sees rows of tenants, only `owner` may close. */
export interface ClosingPools {
  readonly owner: ShardPool;
  readonly reads: ShardPool;
}

/** Throws OdometerError. */
export async function closeDay(
  { owner, reads }: ClosingPools,
  closing: Closing,
  mapVersion: number,
): Promise<ClosingOutcome> {
  const planned = await withConnection(owner, (client) => plan(client, closing));
  if (planned.kind === 'open') {
    const compared = await withConnection(reads, (client) => compareDays(client, planned));
    if (compared.kind !== 'agrees') return compared;
    const { closedBefore } = planned;
    const written = await withConnection(owner, (client) =>
      close(client, { closing, closedBefore, compared, mapVersion }),
    );
    if (written !== null) return written;
  } else if (planned.kind !== 'closed_already') return planned;
  const kind = planned.kind === 'open' ? 'closed' : 'closed_already';
  const closedBefore = Math.max(closing.day + 1, planned.closedBefore ?? 0);
  return { kind, ...(await dropClosedLeaves(owner, closedBefore)) };
}

type Plan =
  | ClosingProblem
  | {
      readonly kind: 'open';
      /** The one that was asked for, and those before it that a leaf is for. */
      readonly day: number;
      readonly earlier: readonly number[];
      readonly closedBefore: number | null;
    }
  | { readonly kind: 'closed_already'; readonly closedBefore: number };

/** Which days are to be closed, if that is possible at all. */
async function plan(client: pg.ClientBase, { day }: Closing): Promise<Plan> {
  const { closedBefore, locked } = await inTransaction(client, async () => {
    return { commit: false, value: await lockShard(new CountedWrites(client)) };
  });
  if (closedBefore !== null && day < closedBefore) return { kind: 'closed_already', closedBefore };
  const problem = closingProblem(day, locked.map(fromRowLocked));
  if (problem !== null) return problem;
  const earlier = (await leavesOf(client))
    .flatMap((leaf) => leaf.days)
    .filter((one) => one < day && one >= (closedBefore ?? one));
  return { kind: 'open', day, earlier: [...new Set(earlier)], closedBefore };
}

interface LockedShard {
  readonly closedBefore: number | null;
  readonly locked: readonly LockedRow[];
}

/** Another closing is waited for before the bound is read, or what it closed would be opened again. */
async function lockShard(reads: CountedWrites): Promise<LockedShard> {
  const [bound] = await reads.read<{ closed_before: number | null }>(lockBound, []);
  invariant(bound !== undefined, 'the shard has no identity');
  return { closedBefore: bound.closed_before, locked: await reads.read<LockedRow>(lockClosing, []) };
}

function fromRowLocked({ partition, halted, complete_through_ms: through, decided_at_ms: now }: LockedRow) {
  const completeThroughMs = through === null ? null : toSafeInteger(through);
  return { partition, halted, completeThroughMs, nowMs: toSafeInteger(now) };
}

interface ComparedClosing {
  readonly closing: Closing;
  /** What it was when the closing was planned. */
  readonly closedBefore: number | null;
  readonly compared: ComparedDays;
  readonly mapVersion: number;
}

/** Null where it is closed; else why nothing was written. */
function close(client: pg.ClientBase, compared: ComparedClosing): Promise<ClosingProblem | null> {
  return inTransaction(client, async () => {
    const problem = await writeClosing(client, compared);
    return { commit: problem === null, value: problem };
  });
}

async function writeClosing(
  client: pg.ClientBase,
  compared: ComparedClosing,
): Promise<ClosingProblem | null> {
  const { day, by, why } = compared.closing;
  const reads = new CountedWrites(client);
  await reads.read(setDecision, [by, why]);
  const shard = await lockShard(reads);
  const { locked } = shard;
  const problem =
    closingProblem(day, locked.map(fromRowLocked)) ?? (await changeSince(reads, shard, compared));
  if (problem !== null) return problem;
  for (const row of locked) await addClosing(client, row, compared);
  const closed = await reads.read(closeDays, [formatDay(day + 1)]);
  invariant(closed.length === locked.length, `${formatDay(day)} was closed before`);
  return null;
}

/** What has come to the days since they were compared, or null. */
async function changeSince(
  reads: CountedWrites,
  { closedBefore: now, locked }: LockedShard,
  { closing, closedBefore, compared: { heads, days } }: ComparedClosing,
): Promise<ClosingProblem | null> {
  const isPlanned = ({ partition }: LockedRow) => days.has(partition);
  if (now !== closedBefore || !locked.every(isPlanned)) return { kind: 'changed', days: [] };
  const partitions = locked.map(({ partition }) => partition);
  const sequences = partitions.map((partition) => heads.get(partition) ?? 0);
  const values = [partitions, sequences, formatDay(closing.day)];
  const counted = await reads.read<{ day: string }>(readCountedSince, values);
  return counted.length === 0 ? null : { kind: 'changed', days: counted.map(({ day }) => day) };
}

/** The partition's ledger row with what its totals of these days are (U12). A day without events is named only if asked for. */
async function addClosing(
  client: pg.ClientBase,
  { partition, generation, next_offset, decided_at_ms: decidedAt }: LockedRow,
  { closing, compared, mapVersion }: ComparedClosing,
): Promise<void> {
  const statements = new CountedWrites(client);
  const [head] = await statements.read<{ sequence: string; hash: Buffer }>(readHead, [partition]);
  const asked = formatDay(closing.day);
  const days = compared.days.get(partition) ?? [];
  const at = toSafeInteger(next_offset);
  await statements.addCommit(
    head === undefined ? null : { sequence: toSafeInteger(head.sequence), hash: head.hash },
    {
      ...{ partition, generation, mapVersion, from: at, to: at, source: 'decision' },
      days: days.filter(({ day, count }) => count > 0 || day === asked),
      ...{ decidedBy: closing.by, decidedWhy: closing.why, committedAtMs: toSafeInteger(decidedAt) },
      ...countedNothing,
    },
  );
}

async function inTransaction<T>(
  client: pg.ClientBase,
  work: () => Promise<{ readonly commit: boolean; readonly value: T }>,
): Promise<T> {
  await execute(client, 'begin');
  const { commit, value } = await work();
  await execute(client, commit ? 'commit' : 'rollback');
  return value;
}
