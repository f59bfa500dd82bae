/** A history as a list of what happens from outside and when; chance decides it once, and a shrunk one is kept as data. */
import type { CommitFate, ShardTrouble } from './ledger.ts';
import type { LogTrouble } from './log.ts';
import { Random } from './scheduler.ts';
import type { StoreTrouble } from './segments.ts';

export const partitionNumbers = [0, 1, 4] as const;
/** Organizations by home partition in a log of five partitions, of which two stay empty. */
export const organizations = { 0: ['a', 'y'], 1: ['d', 'h'], 4: ['f', 'g'] } as const;
export type PartitionNumber = (typeof partitionNumbers)[number];

export interface SentEvent {
  readonly organization: string;
  readonly key: number;
  /** Days before the start; null: without a timestamp. */
  readonly daysAgo: number | null;
  readonly thousandths: number;
}

export type Fault =
  | { readonly kind: 'truncate'; readonly partition: number; readonly count: number }
  /** The log loses so many committed records, and as many and two others take their place. */
  | { readonly kind: 'rewrite'; readonly partition: number; readonly below: number }
  | { readonly kind: 'remake' }
  | { readonly kind: 'expire'; readonly partition: number; readonly beyond: number }
  | { readonly kind: 'foreign' | 'newer' | 'poison'; readonly partition: number }
  /** An operator decides about a partition, if it is halted. */
  | { readonly kind: 'restart'; readonly partition: number }
  | { readonly kind: 'log'; readonly trouble: LogTrouble; readonly partition: number; readonly ms: number }
  | { readonly kind: 'segments'; readonly trouble: StoreTrouble; readonly ms: number }
  | { readonly kind: 'lose' | 'lose-part' | 'remember' | 'go-back' }
  | { readonly kind: 'shard'; readonly trouble: ShardTrouble; readonly shard: number; readonly ms: number }
  | { readonly kind: 'commit'; readonly shard: number; readonly fate: CommitFate }
  | { readonly kind: 'freeze'; readonly flusher: number; readonly ms: number }
  | { readonly kind: 'kill'; readonly flusher: number }
  | { readonly kind: 'step'; readonly ms: number };

export type Operation = { readonly atMs: number } & (
  | { readonly kind: 'send'; readonly ingest: number; readonly events: readonly SentEvent[] }
  | {
      readonly kind: 'deliver';
      readonly partition: number;
      readonly count: number;
      /** How far the group's offset is set back or ahead first. */
      readonly shift: number;
      readonly frozenMs: number;
    }
  | { readonly kind: 'flush'; readonly flusher: number; readonly budgetMs: number }
  | { readonly kind: 'read'; readonly organization: string }
  | Fault
);

export interface Script {
  /** Of the scheduler: latencies, and the order of what is due at one moment. */
  readonly seed: number;
  readonly operations: readonly Operation[];
}

export const historyMs = 40_000;
const flusherCount = 2;
export const faultKindsMin = 3;

export function isFault({ kind }: Operation): boolean {
  return kind !== 'send' && kind !== 'deliver' && kind !== 'flush' && kind !== 'read';
}

/** The history of a seed. */
export function scriptOf(seed: number): Script {
  const random = new Random(seed * 2 + 1);
  const operations: Operation[] = [];
  const at = () => random.below(historyMs);
  const partition = (): PartitionNumber => random.pick(partitionNumbers);
  for (let i = 0; i < 26; i++) {
    operations.push({
      atMs: at(),
      kind: 'send',
      ingest: random.below(2),
      events: eventsOf(random, partitionNumbers[i % 3] ?? 0),
    });
    // The source polls: most of what is sent is delivered soon.
    operations.push({
      atMs: at(),
      kind: 'deliver',
      partition: partition(),
      count: 1 + random.below(6),
      shift: random.chance(0.2) ? random.below(5) - 3 : 0,
      frozenMs: random.chance(0.1) ? random.below(15_000) : 0,
    });
  }
  for (let i = 0; i < 9; i++) {
    operations.push({
      atMs: at(),
      kind: 'flush',
      flusher: i % flusherCount,
      budgetMs: 300 + random.below(2500),
    });
    operations.push({ atMs: at(), kind: 'read', organization: random.pick(organizations[partition()]) });
  }
  // Swarm: a history has few kinds of fault, some of them often, so that kinds meet that seldom would.
  const makers: ((random: Random) => Fault)[] = [];
  const kinds = new Set<string>();
  while (kinds.size < faultKindsMin) {
    const make = random.pick(faults);
    const fault = make(random);
    makers.push(make);
    kinds.add(fault.kind);
    operations.push({ atMs: at(), ...fault });
  }
  if (kinds.has('rewrite')) operations.push(...rewritesWithinPasses(random, operations));
  for (let i = random.below(8); i > 0; i--) {
    const make = makers[random.below(makers.length)] ?? faults[0];
    operations.push({ atMs: at(), ...make(random) });
  }
  operations.push(...decisionsAfter(random, operations));
  return { seed, operations: operations.toSorted((a, b) => a.atMs - b.atMs) };
}

function eventsOf(random: Random, home: PartitionNumber): readonly SentEvent[] {
  return Array.from({ length: 1 + random.below(3) }, () => ({
    organization: random.pick(organizations[random.chance(0.8) ? home : random.pick(partitionNumbers)]),
    key: random.below(16),
    daysAgo: random.chance(0.4) ? null : random.below(2),
    thousandths: 1 + random.below(100_000),
  }));
}

const rewrite = (random: Random) => {
  return { kind: 'rewrite', partition: random.pick(partitionNumbers), below: 1 + random.below(2) } as const;
};
/** What a pass checks may be other when it reads; such a moment is short, so it is not left to chance alone. */
function rewritesWithinPasses(random: Random, operations: readonly Operation[]): readonly Operation[] {
  return operations.flatMap((operation): readonly Operation[] => {
    if (operation.kind !== 'flush' || random.chance(0.5)) return [];
    const atMs = operation.atMs + 20 + random.below(150);
    const fault = rewrite(random);
    if (random.chance(0.5)) return [{ atMs, ...fault }];
    // The flusher freezes between two calls, and the consumer stores segments of the other log meanwhile.
    const { partition } = fault;
    return [
      { atMs, kind: 'freeze', flusher: operation.flusher, ms: 4000 },
      { atMs: atMs + 200, ...fault },
      { atMs: atMs + 300, kind: 'deliver', partition, count: 6, shift: 0, frozenMs: 0 },
    ];
  });
}

const damages: ReadonlySet<string> = new Set(['truncate', 'rewrite', 'remake', 'expire']);

/** After what halts a partition an operator may come, also to one that is not halted (yet). */
function decisionsAfter(random: Random, operations: readonly Operation[]): readonly Operation[] {
  return operations
    .filter(({ kind }) => damages.has(kind) && random.chance(0.5))
    .flatMap(({ atMs }) => {
      const decidedMs = atMs + 500 + random.below(15_000);
      return partitionNumbers.map((partition) => {
        return { atMs: decidedMs + random.below(1000), kind: 'restart', partition } as const;
      });
    });
}

const someMs = (random: Random) => 500 + random.below(8000);
const faults: readonly [(random: Random) => Fault, ...((random: Random) => Fault)[]] = [
  (random) => ({ kind: 'truncate', partition: random.pick(partitionNumbers), count: 1 + random.below(4) }),
  (random) => ({ kind: 'truncate', partition: random.pick(partitionNumbers), count: 1 + random.below(4) }),
  rewrite,
  // It halts every partition, so it must not be in every third history.
  (random) => (random.chance(0.3) ? { kind: 'remake' } : { kind: 'lose' }),
  (random) => ({
    kind: 'expire',
    partition: random.pick(partitionNumbers),
    beyond: random.chance(0.3) ? 1 + random.below(2) : 0 - random.below(3),
  }),
  (random) => ({ kind: random.chance(0.8) ? 'foreign' : 'newer', partition: random.pick(partitionNumbers) }),
  (random) => ({
    kind: 'log',
    trouble: random.pick(['down', 'answers-lost', 'undelivered', 'leaderless', 'stale-end', 'one-by-one']),
    partition: random.pick(partitionNumbers),
    ms: someMs(random),
  }),
  (random) => ({
    kind: 'segments',
    trouble: random.pick(['down', 'answers-lost', 'full']),
    ms: someMs(random),
  }),
  (random) => ({ kind: random.pick(['lose', 'lose-part']) }),
  () => ({ kind: 'remember' }),
  () => ({ kind: 'go-back' }),
  (random) => ({
    kind: 'shard',
    trouble: random.pick(['down', 'slow']),
    shard: random.below(2),
    ms: someMs(random),
  }),
  (random) => ({
    kind: 'commit',
    shard: random.below(2),
    fate: random.pick(['unknown-done', 'unknown-undone', 'unknown-late', 'lost-before']),
  }),
  (random) => ({
    kind: 'shard',
    trouble: 'overloaded',
    shard: random.below(2),
    ms: 40_000 + random.below(40_000),
  }),
  (random) => ({ kind: 'poison', partition: random.pick(partitionNumbers) }),
  // Some for longer than a server leaves a transaction idle.
  (random) => ({ kind: 'freeze', flusher: random.below(flusherCount), ms: 3 * someMs(random) }),
  (random) => ({ kind: 'kill', flusher: random.below(flusherCount) }),
  (random) => ({ kind: 'step', ms: random.pick([3_600_000, -3_600_000]) }),
];
