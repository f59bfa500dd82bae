import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { tailGapAgeMs } from '../../shared/limits.ts';
import { envelope, newerEnvelope, sealedEvent } from '../harness/builders/records.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

let pipeline: Pipeline;
let redis: Redis;
beforeAll(async () => {
  pipeline = await openPipeline();
  redis = new Redis(inject('servers').redis);
});
afterAll(async () => {
  redis.disconnect();
  await pipeline.close();
});

let keys = 0;
/** One envelope of `count` events that were never sent before. */
function freshEnvelope(partition: number, count = 3): Buffer {
  const events = Array.from({ length: count }, () => {
    keys += 1;
    return sealedEvent({ organization: `org_p${partition}`, idempotencyKey: `k${keys}` });
  });
  return envelope(events, { partition, sequence: keys });
}

async function progressOf(partition: number) {
  const [row] = await pipeline.query(
    partition,
    `select next_offset::int as next, halted, halt_code as code, complete_through is not null as complete
     from partition_progress where partition = ${partition}`,
  );
  return row;
}

async function sourcesOf(partition: number) {
  const rows = await pipeline.query(
    partition,
    `select source from commit_ledger where partition = ${partition} order by from_offset`,
  );
  return rows.map(({ source }) => source);
}

describe('losing Redis', () => {
  it('U6: FLUSHALL on a busy partition changes no total', async () => {
    await pipeline.append(0, [freshEnvelope(0), freshEnvelope(0)]);
    await pipeline.deliver(0, 0);
    await redis.flushall();
    await pipeline.append(0, [freshEnvelope(0)]);
    await pipeline.deliver(0, 2);
    await pipeline.pass();
    expect(await progressOf(0)).toMatchObject({ next: 3 });
    expect(await sourcesOf(0)).toEqual(['log', 'segments']);
  });

  it('U6: a segment of an older state of Redis, straddling what is committed, is dropped', async () => {
    await pipeline.append(1, [freshEnvelope(1), freshEnvelope(1), freshEnvelope(1)]);
    await pipeline.deliver(1, 0, 2);
    await pipeline.pass();
    expect(await progressOf(1)).toMatchObject({ next: 2 });
    await pipeline.deliver(1, 1, 3);
    await pipeline.flush();
    expect(await progressOf(1)).toMatchObject({ next: 3 });
    expect(await sourcesOf(1)).toEqual(['segments', 'log']);
  });

  it('U6: a stored segment that was tampered with is dropped and the log is read', async () => {
    await pipeline.append(2, [freshEnvelope(2)]);
    await pipeline.deliver(2, 0);
    const forged = { from: 0, to: 1, events: 3, recordHash: '00'.repeat(32) };
    await pipeline.segments.delete({ partition: 2, from: 0 });
    await pipeline.segments.append(2, forged, Buffer.alloc(4000, 1));
    await pipeline.flush();
    expect(await sourcesOf(2)).toEqual(['log']);
  });

  it('U8: a quiet partition whose segments are lost catches up without new traffic', async () => {
    await pipeline.append(3, [freshEnvelope(3)]);
    await pipeline.deliver(3, 0);
    await redis.flushall();
    await pipeline.pass();
    expect(await progressOf(3)).toMatchObject({ next: 0 });
    pipeline.age(tailGapAgeMs);
    await pipeline.pass();
    expect(await progressOf(3)).toMatchObject({ next: 1, complete: true });
  });
});

describe('delivery', () => {
  it('U2: redelivered and overlapping batches change nothing', async () => {
    await pipeline.append(4, [freshEnvelope(4), freshEnvelope(4), freshEnvelope(4), freshEnvelope(4)]);
    await Promise.all([pipeline.deliver(4, 0, 3), pipeline.deliver(4, 0, 3), pipeline.deliver(4, 2)]);
    await pipeline.deliver(4, 1, 2);
    await pipeline.flush();
    await pipeline.deliver(4, 0);
    await pipeline.flush();
    const [row] = await pipeline.query(4, `select count(*)::int as n from usage_events where partition = 4`);
    expect(row).toEqual({ n: 12 });
  });

  it('U5: a poison record is quarantined with its bytes and its neighbours are counted', async () => {
    const poison = Buffer.from('{"organization_id":"org_1"}');
    await pipeline.append(5, [freshEnvelope(5), poison, freshEnvelope(5)]);
    expect(await pipeline.deliver(5, 0)).toEqual({ batchItemFailures: [] });
    await pipeline.flush();
    const quarantined = await pipeline.query(
      5,
      `select "offset"::int as offset, index, code, convert_from(bytes, 'UTF8') as bytes from quarantine where partition = 5`,
    );
    expect(quarantined).toEqual([{ offset: 1, index: -1, code: 'foreign_magic', bytes: poison.toString() }]);
    const [commit] = await pipeline.query(
      5,
      `select seen::int, inserted::int, foreign_records::int as foreign from commit_ledger where partition = 5`,
    );
    expect(commit).toEqual({ seen: 6, inserted: 6, foreign: 1 });
  });

  it('waits, and reports the offset, before a record that newer code wrote', async () => {
    await pipeline.append(6, [freshEnvelope(6), newerEnvelope(6)]);
    const { topic } = pipeline.topic;
    expect(await pipeline.deliver(6, 0)).toEqual({
      batchItemFailures: [{ itemIdentifier: { partition: `${topic}-6`, offset: 1 } }],
    });
    await pipeline.pass();
    pipeline.age(tailGapAgeMs);
    await pipeline.pass();
    expect(await progressOf(6)).toMatchObject({ next: 1, halted: false });
  });
});

describe('two flushers', () => {
  it('U3: passes that race commit every range once', async () => {
    for (let round = 0; round < 5; round++) {
      const from = await pipeline.append(7, [freshEnvelope(7, 50)]);
      await pipeline.deliver(7, from);
      await Promise.all([pipeline.pass(), pipeline.pass(), pipeline.pass()]);
    }
    await pipeline.pass();
    expect(await progressOf(7)).toMatchObject({ next: 5, halted: false });
    const [row] = await pipeline.query(7, `select count(*)::int as n from usage_events where partition = 7`);
    expect(row).toEqual({ n: 250 });
  });

  it('U3: a flusher paused before its compare-and-set is refused after another committed', async () => {
    const from = await pipeline.append(11, [freshEnvelope(11)]);
    await pipeline.deliver(11, from);
    const commits = await pipeline.pass(async (step) => {
      if (step === 'before-compare-and-set') await pipeline.pass();
    });
    expect(commits).toBe(0);
    expect(await progressOf(11)).toMatchObject({ next: from + 1, halted: false });
  });
});

describe('the log', () => {
  it('U7: a record that differs from the committed one halts its partition only', async () => {
    await pipeline.append(8, [freshEnvelope(8)]);
    await pipeline.append(12, [freshEnvelope(12)]);
    await pipeline.deliver(8, 0);
    await pipeline.deliver(12, 0);
    await pipeline.pass();
    const url = pipeline.shards.superuserUrls[0] ?? '';
    await rowsOf(url, `update partition_progress set record_hash = sha256('other') where partition = 8`);
    await pipeline.append(8, [freshEnvelope(8)]);
    await pipeline.append(12, [freshEnvelope(12)]);
    await pipeline.deliver(8, 1);
    await pipeline.deliver(12, 1);
    await pipeline.pass();
    expect(await progressOf(8)).toMatchObject({ next: 1, halted: true, code: 'log_rewritten' });
    expect(await progressOf(12)).toMatchObject({ next: 2, halted: false });
  });
});
