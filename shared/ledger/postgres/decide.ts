import type pg from 'pg';
import type { Decision, DecisionOutcome } from '../shard-control.ts';
import { CountedWrites, countedNothing } from './counted-writes.ts';
import { execute } from './execute.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const setDecision = loadSql('set-decision');
const lockBound = loadSql('lock-bound');
const lockDecision = loadSql('lock-decision');
const readHead = loadSql('read-head');
const resumePartition = loadSql('resume-partition');
const declareTopic = loadSql('declare-topic');

interface LockedRow {
  readonly generation: number;
  readonly next_offset: string;
  readonly halted: boolean;
  readonly decided_at_ms: string;
}

/** Writes a decision and lifts the halt, in one transaction of the owner (U7). */
export async function decideOn(
  client: pg.ClientBase,
  decision: Decision,
  mapVersion: number,
): Promise<DecisionOutcome> {
  await execute(client, 'begin');
  const outcome = await write(client, decision, mapVersion);
  await execute(client, outcome === 'resumed' ? 'commit' : 'rollback');
  return outcome;
}

async function write(
  client: pg.ClientBase,
  decision: Decision,
  mapVersion: number,
): Promise<DecisionOutcome> {
  const { partition, action, by, why } = decision;
  const statements = new CountedWrites(client);
  await statements.read(setDecision, [by, why]);
  // A new topic is written into the shard's own row, which closings lock before those of partitions.
  if (action.kind === 'restart') await statements.read(lockBound, []);
  const [locked] = await statements.read<LockedRow>(lockDecision, [partition]);
  if (locked === undefined) return 'unknown_partition';
  if (!locked.halted) return 'not_halted';
  const next = toSafeInteger(locked.next_offset);
  if (action.kind === 'skip' && action.offset < next) return 'offset_below_next';
  const generation = locked.generation + (action.kind === 'restart' ? 1 : 0);
  const to = action.kind === 'retry' ? next : action.offset;
  const from = action.kind === 'skip' ? next : to;
  const [head] = await statements.read<{ sequence: string; hash: Buffer }>(readHead, [partition]);
  await statements.write(resumePartition, [partition, generation, to]);
  await statements.addCommit(
    head === undefined ? null : { sequence: toSafeInteger(head.sequence), hash: head.hash },
    {
      ...{ partition, generation, from, to, mapVersion, decidedBy: by, decidedWhy: why },
      ...countedNothing,
      source: 'decision',
      days: [],
      committedAtMs: toSafeInteger(locked.decided_at_ms),
    },
  );
  // Behind the row, so that every decision counts two writes: its own and the resumed progress.
  if (action.kind === 'restart') await statements.write(declareTopic, [action.topicId]);
  return 'resumed';
}
