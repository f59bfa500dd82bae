import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import { dayMs } from '../../shared/limits.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
});
afterAll(async () => {
  await pipeline.close();
});

let organizations = 0;
const hourMs = 60 * 60 * 1000;
const midnightMs = noonMs + 12 * hourMs;

/** A first event and its retry: what each changes of the default event. */
type Pair = [first: Partial<SealedEvent>, retry: Partial<SealedEvent>];

const truthTable: [name: string, pair: Pair, counted: number, conflicts: number][] = [
  ['same timestamp', [{}, {}], 1, 0],
  [
    'dated, other time of the same day',
    [{ eventTimeMs: noonMs }, { eventTimeMs: noonMs + 6 * hourMs }],
    1,
    1,
  ],
  [
    'dated 23:50 and 00:10',
    [{ eventTimeMs: midnightMs - 600_000 }, { eventTimeMs: midnightMs + 600_000 }],
    2,
    0,
  ],
  ['undated both, same day', [{ undated: true }, { undated: true, eventTimeMs: noonMs + hourMs }], 1, 0],
  ['undated both, next day', [{ undated: true }, { undated: true, eventTimeMs: noonMs + dayMs }], 1, 0],
  [
    'undated both, three days apart',
    [{ undated: true }, { undated: true, eventTimeMs: noonMs + 3 * dayMs }],
    2,
    0,
  ],
  ['undated first, dated next day', [{ undated: true }, { eventTimeMs: noonMs + dayMs }], 2, 0],
  ['dated next day first, undated second', [{ eventTimeMs: noonMs + dayMs }, { undated: true }], 1, 1],
  ['undated, sent again with its stamp', [{ undated: true }, { eventTimeMs: noonMs }], 1, 0],
  ['dated, then undated with the same stamp', [{ eventTimeMs: noonMs }, { undated: true }], 1, 0],
  ['undated, sent again with its stamp and another quantity', [{ undated: true }, { quantity: '2' }], 1, 1],
  ['undated, sent again with another time', [{ undated: true }, { eventTimeMs: noonMs + 1 }], 1, 1],
  ['same key, other quantity', [{}, { quantity: '2' }], 1, 1],
];

/** The four ways in which a first event and its retry can reach the shard. */
const arrivals = ['one envelope', 'one range', 'two ranges', 'two ranges across a restart'] as const;

async function arrive(how: (typeof arrivals)[number], first: SealedEvent, retry: SealedEvent): Promise<void> {
  const partition = partitionOf(first.organization, 20);
  const values = how === 'one envelope' ? [[first, retry]] : [[first], [retry]];
  const encoded = values.map((events) => envelope(events, { partition }));
  if (how === 'one envelope' || how === 'one range') {
    await pipeline.deliver(partition, await pipeline.append(partition, encoded));
    return pipeline.flush();
  }
  for (const value of encoded) {
    await pipeline.deliver(partition, await pipeline.append(partition, [value]));
    await pipeline.flush();
    if (how === 'two ranges across a restart') await pipeline.restart();
  }
}

async function countedOf(organization: string) {
  const [row] = await pipeline.query(
    partitionOf(organization, 20),
    `select (select count(*)::int from usage_events where organization_id = '${organization}') as events,
       (select count(*)::int from usage_conflicts where organization_id = '${organization}') as conflicts,
       (select sum(event_count)::int from usage_rollups where organization_id = '${organization}') as rolled_up`,
  );
  return row;
}

describe.each(arrivals)('first and retry in %s', (how) => {
  it.each(truthTable)('U2: %s', async (_name, [first, retry], counted, conflicts) => {
    organizations += 1;
    const organization = `org_${organizations}`;
    await arrive(how, sealedEvent({ ...first, organization }), sealedEvent({ ...retry, organization }));
    expect(await countedOf(organization)).toEqual({ events: counted, conflicts, rolled_up: counted });
  });

  it('U2: the same key of another organization is another event', async () => {
    const partition = partitionOf('alpha', 20);
    const other = Array.from({ length: 500 }, (_, i) => `beta_${how.length}_${i}`).find(
      (name) => partitionOf(name, 20) === partition,
    );
    const key = { idempotencyKey: `shared-${how}` };
    await arrive(
      how,
      sealedEvent({ ...key, organization: 'alpha' }),
      sealedEvent({ ...key, organization: other ?? '' }),
    );
    expect(await countedOf(other ?? '')).toMatchObject({ events: 1 });
  });
});

describe('paths', () => {
  it('U4: a range with duplicates is checked while its neighbours go the fast way, and sums are of the winners', async () => {
    const partition = partitionOf('mixed', 20);
    const batch = (prefix: string, repeat: number) =>
      envelope(
        Array.from({ length: 300 }, (_, i) =>
          sealedEvent({ organization: 'mixed', quantity: '0.1', idempotencyKey: `${prefix}${i % repeat}` }),
        ),
        { partition },
      );
    for (const value of [batch('a', 300), batch('b', 100), batch('c', 300)]) {
      await pipeline.deliver(partition, await pipeline.append(partition, [value]));
      await pipeline.flush();
    }
    const totals = await pipeline.query(
      partition,
      `select trim_scale(sum(total))::text as total, sum(event_count)::int as events from usage_rollups
       where organization_id = 'mixed'`,
    );
    expect(totals).toEqual([{ total: '70', events: 700 }]);
    const commits = await pipeline.query(
      partition,
      `select seen::int, inserted::int, duplicate::int from commit_ledger where partition = ${partition}
       order by from_offset desc limit 3`,
    );
    expect(commits).toEqual([
      { seen: 300, inserted: 300, duplicate: 0 },
      { seen: 300, inserted: 100, duplicate: 200 },
      { seen: 300, inserted: 300, duplicate: 0 },
    ]);
  });

  it('U5: the recount of the log agrees with the shards', async () => {
    expect((await pipeline.recount()).differences).toEqual([]);
  });
});
