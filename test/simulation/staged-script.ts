/** Scripts of one fault or two, that servers in memory and real servers play alike; a seed decides where it strikes. */
import type { CommitStep } from '../../shared/ledger/checkpoint.ts';
import { Random } from './scheduler.ts';
import {
  type Operation,
  organizations,
  type PartitionNumber,
  partitionNumbers,
  type Script,
  type SentEvent,
} from './script.ts';
import type { StagedCut, StagedFate } from './stage.ts';

type Shared = Extract<
  Operation,
  {
    kind:
      | 'send'
      | 'deliver'
      | 'flush'
      | 'read'
      | 'expire'
      | 'remake'
      | 'lose'
      | 'lose-part'
      | 'remember'
      | 'go-back';
  }
>;

export type StagedOperation =
  | Shared
  | ({ readonly atMs: number } & (
      | { readonly kind: 'foreign' | 'newer'; readonly partition: number }
      | { readonly kind: 'lose-tails'; readonly cuts: readonly StagedCut[] }
      | { readonly kind: 'commit'; readonly shard: number; readonly fate: StagedFate }
      | {
          readonly kind: 'hold';
          readonly flusher: number;
          readonly budgetMs: number;
          readonly partition: number;
          readonly step: CommitStep;
        }
      | { readonly kind: 'go-on'; readonly flusher: number; readonly afterMs: number }
      | { readonly kind: 'end-transactions'; readonly flusher: number }
    ));

type Unplaced<T> = T extends unknown ? Omit<T, 'atMs'> : never;

/** A history that the simulation keeps, as a staged one. Throws where it holds what only memory can do. */
export function toStaged({ operations }: Script): readonly StagedOperation[] {
  return operations.map((operation): StagedOperation => {
    if (operation.kind === 'truncate') {
      const { atMs, partition, count } = operation;
      return { atMs, kind: 'lose-tails', cuts: [{ partition, count }] };
    }
    if (isShared(operation)) return operation;
    throw new Error(`${operation.kind} has no staged form`);
  });
}

const sharedKinds: readonly string[] = [
  ...['send', 'deliver', 'flush', 'read'],
  ...['expire', 'remake', 'lose', 'lose-part', 'remember', 'go-back'],
];

function isShared(operation: Operation): operation is Shared {
  return sharedKinds.includes(operation.kind);
}

/** So far apart that what one leaves open is old when the next begins. */
const pauseMs = 20_000;
/** More passes than any script needs, also where a call is slow. */
const budgetMs = 5000;
const all = 100;

class Draft {
  readonly random: Random;
  readonly operations: StagedOperation[] = [];
  #atMs = 0;

  constructor(seed: number) {
    this.random = new Random(seed * 2 + 1);
  }

  add(operation: Unplaced<StagedOperation>): void {
    this.operations.push({ atMs: this.#atMs, ...operation });
    // What is let go while others work must not have ended before they begin.
    if (operation.kind !== 'go-on' || operation.afterMs === 0) this.#atMs += pauseMs;
  }

  /** So many requests of one record each; the days and keys of their events repeat now and then. */
  send(partition: PartitionNumber, records: number): void {
    for (let i = 0; i < records; i++)
      this.add({ kind: 'send', ingest: this.random.below(2), events: this.#events(partition) });
  }

  deliver(partition: PartitionNumber, count = all, shift = 0): void {
    this.add({ kind: 'deliver', partition, count, shift, frozenMs: 0 });
  }

  flush(flusher: number): void {
    this.add({ kind: 'flush', flusher, budgetMs });
  }

  hold(flusher: number, partition: PartitionNumber, step: CommitStep): void {
    this.add({ kind: 'hold', flusher, budgetMs, partition, step });
  }

  read(): void {
    for (const partition of partitionNumbers)
      this.add({ kind: 'read', organization: this.random.pick(organizations[partition]) });
  }

  /** Some records in each partition, stored and committed. */
  begin(): void {
    for (const partition of partitionNumbers) {
      this.send(partition, 2 + this.random.below(2));
      if (this.random.chance(0.5)) this.add({ kind: 'foreign', partition });
      this.deliver(partition);
    }
    this.flush(0);
    this.read();
  }

  partitions(): readonly [PartitionNumber, PartitionNumber, PartitionNumber] {
    const first = this.random.pick(partitionNumbers);
    const [second = first, third = first] = partitionNumbers.filter((number) => number !== first);
    return this.random.chance(0.5) ? [first, second, third] : [first, third, second];
  }

  #events(partition: PartitionNumber): readonly SentEvent[] {
    const { random } = this;
    return Array.from({ length: 1 + random.below(3) }, () => ({
      organization: random.pick(organizations[partition]),
      key: random.below(12),
      daysAgo: random.chance(0.4) ? null : random.below(2),
      thousandths: 1 + random.below(100_000),
    }));
  }
}

/** `shows`: what is logged where the fault has struck; a seed may miss it. */
export interface StagedKind {
  readonly name: string;
  readonly shows: readonly string[];
  readonly write: (draft: Draft) => void;
}

/** Above the next offset, below it and written past, below it and not: three verdicts of one lost tail. */
function lostTail(draft: Draft): void {
  const { random } = draft;
  draft.begin();
  const [above, rewritten, behind] = draft.partitions();
  const tail = 2 + random.below(3);
  draft.send(above, tail);
  draft.deliver(above, 1);
  draft.deliver(above);
  const cuts = { above: 1 + random.below(tail), rewritten: 1 + random.below(2), behind: 1 + random.below(2) };
  draft.add({
    kind: 'lose-tails',
    cuts: [
      { partition: above, count: cuts.above },
      { partition: rewritten, count: cuts.rewritten },
      { partition: behind, count: cuts.behind },
    ],
  });
  draft.send(above, cuts.above + 1 + random.below(2));
  draft.send(rewritten, cuts.rewritten + random.below(2));
  draft.send(behind, cuts.behind - 1);
  draft.deliver(above, all, -random.below(2));
  draft.flush(1);
  draft.flush(0);
  draft.read();
}

function redelivery(draft: Draft): void {
  const { random } = draft;
  draft.begin();
  for (let round = 0; round < 3; round++) {
    for (const partition of partitionNumbers) draft.send(partition, 2 + random.below(3));
    for (let i = 0; i < 5; i++)
      draft.deliver(random.pick(partitionNumbers), 1 + random.below(5), random.below(7) - 4);
    draft.flush(round % 2);
    // Late: what was committed just now, in one batch.
    draft.deliver(random.pick(partitionNumbers), all, -6);
    draft.read();
  }
}

/** A flusher that is held, and another that finds a range for the same records. */
function beginHeld(draft: Draft, step: CommitStep): PartitionNumber {
  draft.begin();
  const [partition] = draft.partitions();
  draft.send(partition, 2 + draft.random.below(3));
  draft.deliver(partition);
  draft.hold(0, partition, step);
  return partition;
}

function heldAndOvertaken(draft: Draft): void {
  const partition = beginHeld(draft, 'before-compare-and-set');
  draft.flush(1);
  draft.send(partition, 1 + draft.random.below(2));
  draft.deliver(partition, all, -draft.random.below(3));
  if (draft.random.chance(0.5)) draft.flush(1);
  draft.add({ kind: 'go-on', flusher: 0, afterMs: 0 });
  draft.flush(0);
  draft.read();
}

function heldAndWaitedFor(draft: Draft): void {
  const partition = beginHeld(draft, draft.random.pick(['after-copy', 'before-commit']));
  draft.add({ kind: 'go-on', flusher: 0, afterMs: 2000 + draft.random.below(1000) });
  draft.flush(1);
  draft.send(partition, 1 + draft.random.below(2));
  draft.deliver(partition);
  draft.flush(draft.random.below(2));
  draft.read();
}

function heldAndEnded(draft: Draft): void {
  const partition = beginHeld(draft, draft.random.pick(['after-copy', 'before-commit']));
  draft.add({ kind: 'end-transactions', flusher: 0 });
  if (draft.random.chance(0.5)) draft.send(partition, 1);
  draft.flush(1);
  draft.add({ kind: 'go-on', flusher: 0, afterMs: 0 });
  draft.flush(0);
  draft.read();
}

/** It has read the tail before it was lost, and commits it afterwards. */
function heldAndMisled(draft: Draft): void {
  const partition = beginHeld(draft, 'before-compare-and-set');
  const count = 1 + draft.random.below(2);
  draft.add({ kind: 'lose-tails', cuts: [{ partition, count }] });
  draft.send(partition, count + draft.random.below(2));
  draft.deliver(partition, all, -2);
  draft.add({ kind: 'go-on', flusher: 0, afterMs: 0 });
  draft.flush(1);
  draft.read();
}

function storeInThePast(draft: Draft): void {
  const { random } = draft;
  draft.begin();
  for (const partition of partitionNumbers) {
    draft.send(partition, 2 + random.below(3));
    draft.deliver(partition, 1 + random.below(3));
  }
  draft.add({ kind: 'remember' });
  for (const partition of partitionNumbers) draft.deliver(partition, all, -random.below(3));
  if (random.chance(0.5)) draft.flush(0);
  draft.send(random.pick(partitionNumbers), 2);
  draft.add({ kind: 'go-back' });
  for (const partition of partitionNumbers) {
    draft.send(partition, 1 + random.below(2));
    draft.deliver(partition, all, -random.below(2));
  }
  draft.flush(1);
  draft.flush(0);
  draft.read();
}

/** Segments of a tail that is lost were replaced, and come back. */
function lostTailInThePast(draft: Draft): void {
  const { random } = draft;
  draft.begin();
  const [partition] = draft.partitions();
  const tail = 2 + random.below(3);
  draft.send(partition, tail);
  draft.deliver(partition, 1);
  draft.deliver(partition);
  draft.add({ kind: 'remember' });
  const count = 1 + random.below(tail);
  draft.add({ kind: 'lose-tails', cuts: [{ partition, count }] });
  draft.send(partition, count + 1);
  draft.deliver(partition, all, -tail);
  draft.add({ kind: 'go-back' });
  if (random.chance(0.5)) draft.deliver(partition, all, -1);
  draft.flush(0);
  draft.read();
}

function lostSegments(draft: Draft): void {
  draft.begin();
  for (const kind of ['lose-part', 'lose'] as const) {
    for (const partition of partitionNumbers) {
      draft.send(partition, 3);
      for (let i = 0; i < 3; i++) draft.deliver(partition, 1 + draft.random.below(2));
    }
    draft.add({ kind });
    if (draft.random.chance(0.5)) draft.deliver(draft.random.pick(partitionNumbers), all, -3);
    draft.flush(draft.random.below(2));
    draft.read();
  }
}

function expiry(draft: Draft): void {
  draft.begin();
  const [kept, ahead] = draft.partitions();
  draft.send(ahead, 3);
  draft.add({ kind: 'expire', partition: kept, beyond: -draft.random.below(2) });
  draft.add({ kind: 'expire', partition: ahead, beyond: 1 + draft.random.below(2) });
  for (const partition of partitionNumbers) draft.send(partition, 1);
  draft.deliver(kept);
  draft.flush(1);
  draft.read();
}

function lostAnswers(draft: Draft): void {
  draft.begin();
  for (const [zero, one] of [
    ['unknown-done', 'unknown-undone'],
    ['unknown-undone', 'unknown-done'],
  ] as const) {
    for (const partition of partitionNumbers) {
      draft.send(partition, 1 + draft.random.below(2));
      draft.deliver(partition);
    }
    draft.add({ kind: 'commit', shard: 0, fate: zero });
    draft.add({ kind: 'commit', shard: 1, fate: one });
    draft.flush(draft.random.below(2));
    draft.read();
  }
}

function topicMadeAgain(draft: Draft): void {
  draft.begin();
  for (const partition of partitionNumbers) draft.send(partition, 1 + draft.random.below(2));
  if (draft.random.chance(0.5)) draft.deliver(draft.random.pick(partitionNumbers));
  draft.add({ kind: 'remake' });
  for (const partition of partitionNumbers) {
    draft.send(partition, 1 + draft.random.below(3));
    draft.deliver(partition, all, -4);
  }
  draft.flush(0);
  draft.read();
}

const rewritten = 'partition halted log_rewritten';
const notOfTheLog = 'segment is not what the log holds, dropped with those above it';

export const stagedKinds: readonly StagedKind[] = [
  {
    name: 'a log that loses its tail',
    shows: [rewritten, 'partition halted log_end_behind'],
    write: lostTail,
  },
  {
    name: 'redelivery and overlap',
    shows: ['segment replaced what was stored for its records'],
    write: redelivery,
  },
  { name: 'a held flusher that is overtaken', shows: ['range fenced'], write: heldAndOvertaken },
  { name: 'a held flusher that is waited for', shows: ['range fenced'], write: heldAndWaitedFor },
  { name: 'a held flusher whose session is ended', shows: [], write: heldAndEnded },
  { name: 'a held flusher that has read a lost tail', shows: [rewritten], write: heldAndMisled },
  { name: 'a segment store in the past', shows: [], write: storeInThePast },
  { name: 'a segment store in the past of a lost tail', shows: [notOfTheLog], write: lostTailInThePast },
  {
    name: 'a segment store that loses a part, then all',
    shows: ['segment dropped', 'segments bound to the log'],
    write: lostSegments,
  },
  { name: 'records that expire', shows: ['partition halted log_start_ahead'], write: expiry },
  {
    name: 'lost answers to COMMIT',
    shows: ['partition paused shard_unavailable'],
    write: lostAnswers,
  },
  { name: 'a topic that is made again', shows: ['partition halted topic_replaced'], write: topicMadeAgain },
];

/** The script of a kind and a seed. */
export function stagedScriptOf({ write }: StagedKind, seed: number): readonly StagedOperation[] {
  const draft = new Draft(seed);
  write(draft);
  return draft.operations;
}
