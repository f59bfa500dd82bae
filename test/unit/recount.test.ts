import { describe, expect, it } from 'vitest';
import { ClosedDays } from '../recount/closed-days.ts';
import { isCountable } from '../recount/countable.ts';
import { fromUnits, isQuantity, toUnits } from '../recount/decimal.ts';
import { DimensionSets } from '../recount/dimension-sets.ts';
import { buildEvent, encodeRecord } from '../recount/encode.ts';
import { decode } from '../recount/envelope.ts';
import { Findings } from '../recount/findings.ts';
import { dayOf, FirstOfKey } from '../recount/first-of-key.ts';
import { xorTime } from '../recount/hashes.ts';
import { HourSums } from '../recount/hour-sums.ts';
import { checkChain, checkRanges } from '../recount/ledger.ts';
import type { LoggedEvent } from '../recount/logged-event.ts';
import { PartitionWalk, type SharedTallies } from '../recount/partition-walk.ts';
import { Producers } from '../recount/producers.ts';
import { RowMatch } from '../recount/row-match.ts';
import type { Commit, ShardRow } from '../recount/shard.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const hours = 3_600_000;

function verdictsOf(events: readonly LoggedEvent[]): readonly string[] {
  const firsts = new FirstOfKey();
  return events.map((event) => firsts.take({ ...event, day: dayOf(event.eventTimeMs) }));
}

describe('the recount decides by the contract which event of a key counts', () => {
  const at = (offsetHours: number, fields: Partial<LoggedEvent> = {}) =>
    buildEvent({ eventTimeMs: noon + offsetHours * hours, fingerprint: 'aa', ...fields });
  const undated = { undated: true };

  it.each([
    ['same timestamp', [at(0), at(0)], ['counts', 'duplicate']],
    ['two hours of one day', [at(0), at(6)], ['counts', 'duplicate']],
    ['dated across midnight', [at(11), at(13)], ['counts', 'counts']],
    ['undated next day', [at(0, undated), at(24, undated)], ['counts', 'duplicate']],
    ['undated three days apart', [at(0, undated), at(72, undated)], ['counts', 'counts']],
    ['undated, then dated next day', [at(0, undated), at(24)], ['counts', 'counts']],
    ['dated, then undated the day before', [at(24), at(0, undated)], ['counts', 'duplicate']],
    [
      'a chain of undated',
      [at(0, undated), at(24, undated), at(48, undated)],
      ['counts', 'duplicate', 'counts'],
    ],
    ['other organization', [at(0), at(0, { organization: 'b' })], ['counts', 'counts']],
    [
      'organization and key that join alike',
      [at(0, { organization: 'a', key: 'bc' }), at(0, { organization: 'ab', key: 'c' })],
      ['counts', 'counts'],
    ],
    ['other content', [at(0), at(0, { fingerprint: 'bb' })], ['counts', 'conflict']],
    [
      'undated, then dated with its stamp',
      [
        at(0, { ...undated, fingerprint: 'ab'.repeat(16) }),
        at(0, { fingerprint: xorTime('ab'.repeat(16), noon) }),
        at(1, { fingerprint: xorTime('ab'.repeat(16), noon + hours) }),
      ],
      ['counts', 'duplicate', 'conflict'],
    ],
  ])('U2: %s', (_, events, verdicts) => {
    expect(verdictsOf(events)).toEqual(verdicts);
  });
});

describe('U13: the recount adds decimals exactly', () => {
  it.each([
    ['0.1', '0.2', '0.3'],
    ['99999999999999999999.999999999999999999', '0.000000000000000001', '100000000000000000000'],
    ['-1.5', '1.5', '0'],
    ['-0.000000000000000001', '0', '-0.000000000000000001'],
    ['1.50', '2.250', '3.75'],
  ])('U13: %s + %s = %s', (a, b, sum) => {
    expect(fromUnits(toUnits(a) + toUnits(b))).toBe(sum);
  });

  it.each(['1e3', 'NaN', 'Infinity', '', '1.', '.5', '1.0000000000000000001'])(
    'U13: %s in a shard is never taken for a sum',
    (text) => {
      expect(() => toUnits(text)).toThrow('not a decimal');
    },
  );

  it.each(['1.0', '01', '-0', '+1', '1e2', '123456789012345678901'])('U13: %s is not canonical', (text) => {
    expect(isQuantity(text)).toBe(false);
  });
});

describe('the recount reads records by the documented layout', () => {
  it('a record comes back as it was written', () => {
    const events = [buildEvent(), buildEvent({ key: 'kürzel-2', undated: true, sealed: 'AAAA' })];
    const decoded = decode(encodeRecord({ partition: 3, sequence: 7 }, events), 3);
    expect(decoded).toMatchObject({ kind: 'envelope', sequence: 7, count: 2, events });
  });

  it('damage and other partitions are foreign, other versions block', () => {
    const record = encodeRecord({ partition: 3 }, [buildEvent()]);
    const damaged = Buffer.from(record);
    damaged[60] = 0;
    expect(decode(damaged, 3)).toEqual({ kind: 'foreign', reason: 'checksum' });
    expect(decode(record, 4)).toEqual({ kind: 'foreign', reason: 'partition' });
    expect(decode(Buffer.from('ODOM'), 3)).toEqual({ kind: 'foreign', reason: 'magic' });
  });

  it('an event is countable unless a field is out of its bounds', () => {
    expect(isCountable(buildEvent())).toBe(true);
    expect(isCountable(buildEvent({ key: '' }))).toBe(false);
    expect(isCountable(buildEvent({ quantity: '1.10' }))).toBe(false);
    expect(isCountable(buildEvent({ organization: 'a b' }))).toBe(false);
  });
});

it('the recount reports holes and repeats of producer sequences', () => {
  const producers = new Producers();
  for (const sequence of [0, 1, 1, 4]) producers.add('a', sequence);
  producers.add('b', 0);
  producers.add('c', 7);
  expect(producers.report({ logIsWhole: true })).toEqual({ producers: 3, holes: 9, repeats: 1 });
  expect(producers.report({ logIsWhole: false })).toEqual({ producers: 3, holes: 2, repeats: 1 });
});

function buildCommit(fields: Partial<Commit>): Commit {
  return {
    sequence: 1,
    generation: 1,
    from: 0,
    to: 1,
    records: 1,
    seen: 0,
    inserted: 0,
    duplicate: 0,
    quarantined: 0,
    foreign: 0,
    writeStatements: 1,
    segmentVersion: 1,
    mapVersion: 1,
    source: 'log',
    days: [],
    decidedBy: null,
    decidedWhy: null,
    previousHash: '0'.repeat(64),
    hash: '',
    committedAtMs: 0,
    conflicts: 0,
    quarantineDigest: null,
    conflictsDigest: null,
    ...fields,
  };
}

const buildProgress = (nextOffset: number) => ({
  partition: 0,
  generation: 1,
  firstOffset: 0,
  nextOffset,
  recordHash: null,
  closedBefore: Number.NEGATIVE_INFINITY,
});

describe('U3: the recount finds ranges that do not tile', () => {
  it.each([
    ['touching ranges agree', [buildCommit({}), buildCommit({ from: 1, to: 2 })], 2, 0],
    ['a hole', [buildCommit({}), buildCommit({ from: 2, to: 3 })], 3, 1],
    ['an overlap', [buildCommit({ to: 2, records: 2 }), buildCommit({ from: 1, to: 3, records: 2 })], 3, 1],
    ['an end below progress', [buildCommit({})], 2, 1],
    ['a start above the first offset', [buildCommit({ from: 1, to: 2 })], 2, 1],
  ])('U3: %s', (_, commits, next, count) => {
    const findings = new Findings();
    checkRanges(buildProgress(next), commits, findings);
    expect(findings.list().reduce((sum, found) => sum + found.count, 0)).toBe(count);
  });
});

it('U12: the recount names the first commit whose hash is not that of its text', () => {
  const findings = new Findings();
  checkChain(0, [buildCommit({ hash: 'f'.repeat(64) })], findings);
  expect(findings.list()).toEqual([
    { name: 'hash_chain', count: 1, examples: ['partition 0: first bad commit is 1'] },
  ]);
});

/** Walks records of partition 0 that one commit claims to hold, and matches the rows. */
async function walk(
  records: readonly (readonly LoggedEvent[])[],
  commit: Commit,
  spoil: (rows: ShardRow[]) => void,
) {
  const findings = new Findings();
  const counts = {
    records: 0,
    events: 0,
    counted: 0,
    duplicates: 0,
    conflicts: 0,
    quarantined: 0,
    foreign: 0,
  };
  const rest = { skipped: 0, recordsInFlight: 0, eventsInFlight: 0, fingerprintsOff: 0 };
  const shared: SharedTallies = {
    findings,
    producers: new Producers(),
    counts: { ...counts, ...rest },
    homes: new Map(),
  };
  const claims = {
    shard: 0,
    closed: new ClosedDays([], Number.NEGATIVE_INFINITY),
    sets: new DimensionSets(),
    closedBefore: Number.NEGATIVE_INFINITY,
    progress: buildProgress(records.length),
    commits: [commit],
    quarantine: [],
  };
  const partition = new PartitionWalk(claims, shared);
  const expected = partition.take(
    records.map((events, offset) => ({ offset, value: encodeRecord({ partition: 0 }, events) })),
  );
  const rows = [...expected];
  spoil(rows);
  const sums = new HourSums();
  const match = new RowMatch(toAsync(rows), findings);
  await match.compare(expected, { partition: 1, generation: 0, offset: 0, index: 0 }, sums);
  partition.finish();
  partition.sums.compare(sums, 'hour_of_rows', findings);
  return { names: findings.list().map(({ name }) => name), counts: shared.counts };
}

async function* toAsync(rows: readonly ShardRow[]): AsyncGenerator<ShardRow> {
  yield* rows;
}

it.each([
  ['that is no decision', { source: 'log' }, 1, 100],
  ['of other events than were counted', {}, 2, 100],
  ['of a day that is not closed', {}, 1, 10],
])(
  'U12: the recount names a closing row %s, and takes no day for closed by it',
  (_, fields, count, bound) => {
    const day = { day: '1970-01-12', sums: '' };
    const counted = buildCommit({ inserted: 1, days: [{ ...day, count: 1, digest: 'a' }] });
    const closing = {
      sequence: 2,
      from: 1,
      to: 1,
      source: 'decision',
      days: [{ ...day, count, digest: null }],
    };
    const closed = new ClosedDays([counted, buildCommit({ ...closing, ...fields })], bound);
    const findings = new Findings();
    closed.compare(0, [], findings);
    expect([closed.count, findings.list().map(({ name }) => name)]).toEqual([0, ['closed_day']]);
  },
);

describe('the recount of a hand-made partition', () => {
  const records = [
    [buildEvent({ key: 'a', quantity: '0.1' }), buildEvent({ key: 'a', quantity: '0.1' })],
    [buildEvent({ key: 'b', quantity: '0.2' })],
  ];
  const counts = { to: 2, records: 2, seen: 3, inserted: 2, duplicate: 1 };

  it('names the digests that the ledger should hold', async () => {
    const { names, counts: found } = await walk(records, buildCommit(counts), () => {});
    expect(names).toEqual(['day_digest', 'sums_digest']);
    expect(found).toMatchObject({ events: 3, counted: 2, duplicates: 1 });
  });

  it.each<[string, (rows: ShardRow[]) => void, readonly string[]]>([
    [
      'a missing row',
      (rows) => rows.splice(0, 1),
      ['row_missing', 'day_digest', 'sums_digest', 'hour_of_rows'],
    ],
    [
      'an extra row',
      (rows) => rows.push(...rows.slice(-1).map((row) => ({ ...row, index: 9 }))),
      ['row_extra', 'day_digest', 'sums_digest', 'hour_of_rows'],
    ],
    [
      'a quantity off by 1e-18',
      (rows) =>
        rows.splice(0, 1, ...rows.slice(0, 1).map((row) => ({ ...row, quantity: '0.100000000000000001' }))),
      ['row_differs', 'day_digest', 'sums_digest', 'hour_of_rows'],
    ],
  ])('finds %s', async (_, spoil, expected) => {
    expect((await walk(records, buildCommit(counts), spoil)).names).toEqual(expected);
  });

  it('finds counts of a commit that the log does not bear out', async () => {
    const wrong = buildCommit({ ...counts, inserted: 3, duplicate: 0 });
    expect((await walk(records, wrong, () => {})).names).toContain('commit_counts');
  });
});
