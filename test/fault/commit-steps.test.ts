import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ENV_SHARD_WRITER_URLS } from '../../shared/contracts/env.ts';
import type { CommitStep } from '../../shared/ledger/checkpoint.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';
import { type Cut, cutProxy } from '../harness/proxy/cut-proxy.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
});
afterAll(async () => {
  await pipeline.close();
});

const children: ChildProcess[] = [];
afterEach(() => {
  // A test that failed must not leave a stopped flusher behind.
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

let sequence = 0;
/** Appends and delivers one range of 40 events, some of them duplicates of the range before, to each shard. */
async function produceRanges(): Promise<void> {
  sequence += 1;
  for (const partition of [0, 1, 2, 3]) {
    const first = sequence * 30;
    const events = Array.from({ length: 40 }, (_, i) =>
      sealedEvent({ organization: `org_p${partition}`, idempotencyKey: `k${first + i}`, quantity: '0.25' }),
    );
    const from = await pipeline.append(partition, [envelope(events, { partition, sequence })]);
    await pipeline.deliver(partition, from);
  }
}

/** A flusher in a process of its own; without a step it goes on until it is killed. */
function startFlusherProcess(
  step: CommitStep | null,
  signal: 'SIGKILL' | 'SIGSTOP',
  environment: object,
): ChildProcess {
  const child = spawn(process.execPath, ['test/fault/flusher-process.ts', step ?? 'never', signal], {
    env: { ...processEnvironment(), ...environment, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.push(child);
  return child;
}

/** Transactions that flushers hold open on the four shards. */
async function openTransactions(): Promise<number> {
  const sql = `select count(*)::int as n from pg_stat_activity
    where application_name like 'flusher:%' and xact_start is not null`;
  const counts = await Promise.all(pipeline.shards.superuserUrls.map((url) => rowsOf(url, sql)));
  return counts.reduce((sum, [row]) => sum + Number(row?.['n']), 0);
}

async function expectCountedOnce(): Promise<void> {
  await pipeline.flush();
  const report = await pipeline.recount();
  expect(report.differences).toEqual([]);
}

describe('a flusher that is killed', () => {
  it.each<CommitStep>(['before-compare-and-set', 'after-copy', 'before-commit', 'after-commit'])(
    'U2: at %s loses and doubles nothing',
    async (step) => {
      await produceRanges();
      const child = startFlusherProcess(step, 'SIGKILL', pipeline.environment);
      const [, signal] = await once(child, 'exit');
      expect(signal).toBe('SIGKILL');
      await expectCountedOnce();
    },
  );
});

describe('a flusher that is paused', () => {
  it('U3: before its compare-and-set, past the commit of another, is fenced when it goes on', async () => {
    await produceRanges();
    const child = startFlusherProcess('before-compare-and-set', 'SIGSTOP', pipeline.environment);
    await stoppedState(child);
    await expectCountedOnce();
    child.kill('SIGCONT');
    await produceRanges();
    await expectCountedOnce();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  it('U3: inside its transaction, is waited for or put to an end, and counts once', async () => {
    await produceRanges();
    const child = startFlusherProcess('after-copy', 'SIGSTOP', pipeline.environment);
    await stoppedState(child);
    expect(await openTransactions()).toBeGreaterThan(0);
    setTimeout(() => child.kill('SIGCONT'), 2000);
    await expectCountedOnce();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});

describe('a connection that is cut during COMMIT', () => {
  it.each<Cut>(['before-commit-arrives', 'before-answer-arrives'])('U2: %s counts once', async (cut) => {
    await produceRanges();
    const [first = '', ...others] = pipeline.shards.writerUrls;
    const proxy = await cutProxy(first);
    proxy.arm(cut);
    const environment = {
      ...pipeline.environment,
      [ENV_SHARD_WRITER_URLS]: [proxy.url, ...others].join(','),
    };
    const before = await nextOffset(0);
    const child = startFlusherProcess(null, 'SIGKILL', environment);
    await until(async () => proxy.cuts > 0 && (await nextOffset(0)) > before);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await proxy.close();
    expect(proxy.cuts).toBe(1);
    await expectCountedOnce();
  });
});

async function nextOffset(partition: number): Promise<number> {
  const [row] = await pipeline.query(
    partition,
    `select next_offset::int as next from partition_progress where partition = ${partition}`,
  );
  return Number(row?.['next']);
}

/** Resolves when the process is in state T, by the system's own word. */
async function stoppedState(child: ChildProcess): Promise<void> {
  await until(async () => (await stateOf(child.pid ?? 0)).startsWith('T'));
}

async function stateOf(pid: number): Promise<string> {
  const ps = spawn('ps', ['-o', 'stat=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of ps.stdout) text += String(chunk);
  return text.trim();
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error('what was waited for did not happen in 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
