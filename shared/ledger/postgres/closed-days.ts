import { formatDay } from '../../events/calendar.ts';
import { type ChainedDay, chainStart } from '../commit-hash.ts';
import { commitValues } from './commit-values.ts';
import { countedNothing } from './counted-writes.ts';
import type { OwnerSession } from './owner-session.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const lockBehindClosing = loadSql('lock-behind-closing');
const setClosedBefore = loadSql('set-closed-before');
const readHead = loadSql('read-head');
const digestDay = loadSql('digest-day');
const addCommit = loadSql('add-commit');

interface BehindRow {
  readonly partition: number;
  readonly generation: number;
  readonly next_offset: string;
  readonly closed_before: number;
  readonly decided_at_ms: string;
}

interface DigestRow {
  readonly partition: number;
  readonly count: string;
  readonly sums: string;
}

/**
 * Brings partitions to the days that their shard has closed, in the transaction that made their progress rows. Without it
 * every commit of them would be fenced for ever (U3): the shard makes no leaf of a closed day, and the row knows of none.
 * The ledger row is for a recount, which reads in the ledger from where on events of a closed day are kept aside.
 */
export async function adoptClosedDays(session: OwnerSession, mapVersion: number): Promise<void> {
  for (const row of await session.query<BehindRow>(lockBehindClosing)) {
    const { partition, generation, closed_before: closedBefore } = row;
    const [head] = await session.query<{ sequence: string; hash: Buffer }>(readHead, [partition]);
    const lastClosed = formatDay(closedBefore - 1);
    const digests = await session.query<DigestRow>(digestDay, [lastClosed]);
    const days: readonly ChainedDay[] = digests
      .filter((digest) => digest.partition === partition)
      .map(({ count, sums }) => ({ day: lastClosed, count: toSafeInteger(count), digest: null, sums }));
    const at = toSafeInteger(row.next_offset);
    const commit = {
      ...{ partition, generation, mapVersion, from: at, to: at, days, source: 'decision' },
      sequence: head === undefined ? 1 : toSafeInteger(head.sequence) + 1,
      ...{ decidedBy: 'migrate', decidedWhy: 'the shard had closed these days before' },
      ...countedNothing,
      // Two statements: of the progress row, and of this one.
      ...{ writeStatements: 2, committedAtMs: toSafeInteger(row.decided_at_ms) },
    };
    await session.query(setClosedBefore, [partition, formatDay(closedBefore)]);
    await session.query(addCommit, commitValues(head?.hash ?? chainStart, commit));
  }
}
