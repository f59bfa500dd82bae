/** What a summary says about its age: a look at the log with its own time, never a stale fact as the present. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import type { Freshness, SummaryReader } from '../../shared/ledger/summary.ts';
import { observationAgeMsMax, observationLagMsMax } from '../../shared/limits.ts';
import { partitionOf, shardOf } from '../../shared/log/routing.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

let pipeline: Pipeline;
let reader: SummaryReader;
let organization: string;
let partition: number;
let organizations = 0;

beforeAll(async () => {
  pipeline = await openPipeline();
  reader = createSummaryReader({ urls: pipeline.shards.readerUrls, partitions: 20 });
});
afterAll(async () => {
  await reader.close();
  await pipeline.close();
});
// Each test has a partition of its own.
beforeEach(() => {
  const used = partition;
  do organization = `org_${organizations++}`;
  while (partitionOf(organization, 20) === used || partitionOf(organization, 20) < organizations % 20);
  partition = partitionOf(organization, 20);
});

async function freshness(): Promise<Freshness> {
  return (await reader.summarize({ organization, startDay: 0, endDay: 1 })).freshness;
}

let keys = 0;
const append = () => {
  const event = sealedEvent({ organization, idempotencyKey: `key-${keys++}` });
  return pipeline.append(partition, [envelope([event], { partition })]);
};
const setProgress = (columns: string) =>
  oneStatement(
    pipeline.shards.superuserUrls[shardOf(partition)] ?? '',
    `update partition_progress set ${columns} where partition = ${partition}`,
  );

it('before the first look nothing is known; after one with nothing in flight everything until it is counted', async () => {
  expect(await freshness()).toEqual({
    ...{ observedAtMs: null, completeThroughMs: null },
    ...{ inFlight: null, complete: false },
  });
  const before = Date.now();
  await pipeline.pass();
  const found = await freshness();
  expect(found).toMatchObject({ inFlight: false, complete: true, completeThroughMs: found.observedAtMs });
  expect(found.observedAtMs).toBeGreaterThanOrEqual(before);
});

it('what is acknowledged and not committed is not said to be counted, and is once it is', async () => {
  await pipeline.flush();
  await append();
  // The tail is young and nobody folded it: the pass sees it and leaves it.
  await pipeline.pass();
  pipeline.age(observationLagMsMax + 1);
  await pipeline.pass();
  const waiting = await freshness();
  expect(waiting).toMatchObject({ inFlight: null, complete: false });
  expect(waiting.completeThroughMs).toBeLessThan(waiting.observedAtMs ?? 0);
  await pipeline.flush();
  expect(await freshness()).toMatchObject({ inFlight: false, complete: true });
});

it('under steady load the look before the newest is complete, and complete_through goes on', async () => {
  const offset = await append();
  await pipeline.deliver(partition, offset);
  await append();
  await pipeline.pass();
  const firstLookMs = Date.now();
  await pipeline.deliver(partition, offset + 1);
  await append();
  await pipeline.pass();
  const found = await freshness();
  expect(found).toMatchObject({ inFlight: false, complete: true });
  expect(found.completeThroughMs).toBeLessThanOrEqual(firstLookMs);
  await pipeline.flush();
});

it('an old look, and one of a clock that was set back, says nothing of the present', async () => {
  await pipeline.flush();
  for (const sign of ['-', '+']) {
    await setProgress(`observed_at = now() ${sign} interval '${observationAgeMsMax + 500} milliseconds'`);
    const found = await freshness();
    expect(found).toMatchObject({ inFlight: null, complete: true });
    // What a younger look found complete stays so.
    expect(found.completeThroughMs).toBeGreaterThanOrEqual(found.observedAtMs ?? Number.NaN);
  }
});

it('a look of a clock that was set back replaces one that is still to come', async () => {
  await pipeline.flush();
  await append();
  await setProgress(`observed_at = now() + interval '1 hour', complete_through = now() + interval '1 hour'`);
  pipeline.age(observationLagMsMax + 1);
  await pipeline.pass();
  const found = await freshness();
  expect(found.observedAtMs).toBeLessThanOrEqual(Date.now());
  expect(found).toMatchObject({ inFlight: null, complete: false });
  // An earlier look, or unknown: never the hour that was wrong.
  expect(found.completeThroughMs ?? 0).toBeLessThan(found.observedAtMs ?? 0);
  await pipeline.flush();
});

it('a halted partition is observed, and nothing is claimed of it', async () => {
  await pipeline.flush();
  await setProgress(
    `halted = true, halt_code = 'log_rewritten', halted_at = now(), observed_at = now() - interval '1 hour'`,
  );
  const before = Date.now();
  await pipeline.pass();
  const found = await freshness();
  expect(found).toMatchObject({ inFlight: null, complete: false });
  expect(found.observedAtMs).toBeGreaterThanOrEqual(before);
  await setProgress(`halted = false, halt_code = null, halted_at = null`);
});

it('what an observer of an earlier generation saw changes nothing', async () => {
  await pipeline.flush();
  await setProgress('generation = 2, log_end = null, observed_at = null, complete_through = null');
  const observedAtMs = Date.now();
  await pipeline
    .ledgerOf(partition)
    .observe([{ partition, generation: 1, observedAtMs, logEnd: 0, completeThroughMs: observedAtMs }]);
  expect(await freshness()).toMatchObject({ observedAtMs: null, complete: false });
});
