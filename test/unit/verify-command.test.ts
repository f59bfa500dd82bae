import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { askOperator } from '../../localstack/operating/ask-operator.ts';
import { exitCodes, odometer } from '../../odometer.ts';

vi.mock('../../localstack/operating/ask-operator.ts', () => ({ askOperator: vi.fn() }));

const folder = mkdtempSync(join(tmpdir(), 'verify-'));
afterAll(() => rmSync(folder, { recursive: true }));

const hash = 'ab'.repeat(32);
const head = (sequence: number) => ({ partition: 1, sequence, hash });

/** What the command prints where the operator answers these verdicts. */
async function verify(verdict: object, ...args: readonly string[]) {
  const text = { out: '', err: '' };
  vi.mocked(askOperator).mockResolvedValueOnce([
    { shard: 1, commits: 9, heads: [{ ...head(9), loggedTo: 0 }], bad: [], totals: [], ...verdict },
  ]);
  const code = await odometer(['verify', ...args], {
    out: (more) => {
      text.out += more;
    },
    err: (more) => {
      text.err += more;
    },
  });
  return { code, ...text };
}

it('U12: verify says what was changed: the commit, or the total with both sums', async () => {
  const total = {
    ...{ partition: 1, organization: 'acme', metric: 'm', dimensions: '{"region":"eu"}' },
    ...{ quarter: '2026-11-20T12:00:00.000Z' },
  };
  const events = { count: 2, minimum: '0.5', maximum: '1', latest: '1' };
  const { code, out } = await verify({
    bad: [{ partition: 1, sequence: 3, problem: 'its rows of 2026-11-20 are not what was counted' }],
    totals: [{ ...total, rows: { total: '1.5', ...events }, rollup: { total: '7', ...events } }],
  });
  expect(code).toBe(exitCodes.found);
  expect(out).toContain('shard 1: 9 commits, CHANGED');
  expect(out).toContain('partition 1, commit 3: its rows of 2026-11-20 are not what was counted');
  expect(out).toContain(
    'partition 1, acme m {"region":"eu"}, quarter hour 2026-11-20T12:00:00.000Z: rows 1.5 in 2 events',
  );
  expect(out).toContain('total 7 in 2 events (smallest 0.5, largest 1, latest 1)');
  expect(out).not.toContain('partition 1, acme m,');
});

it('U12: verify says what no logged head protects, and where none was given', async () => {
  const file = join(folder, 'flusher.log');
  const line = (sequence: number) => JSON.stringify({ msg: 'ledger heads', heads: [head(sequence)] });
  writeFileSync(file, ['not JSON', line(6), line(6), line(7), ''].join('\n'));
  const logged = await verify({ heads: [{ ...head(9), loggedTo: 7 }] }, '--heads', file);
  expect(logged.code).toBe(exitCodes.done);
  expect(logged.out).toContain(
    'partition 1: commits 8 to 9 are younger than the last logged head, unprotected',
  );
  // A quiet partition's head is in the log every minute, and asked about once.
  expect(vi.mocked(askOperator).mock.calls.at(-1)?.[0]).toEqual({
    verb: 'verify',
    heads: [head(6), head(7)],
  });
  expect((await verify({})).out).toContain('No logged heads were compared');
});

it('a last line of heads that is still being written is passed over, a damaged one is named', async () => {
  const file = join(folder, 'cut.log');
  const whole = JSON.stringify({ msg: 'ledger heads', heads: [head(6)] });
  writeFileSync(file, `${whole}\n${whole.slice(0, -9)}`);
  expect((await verify({ heads: [{ ...head(9), loggedTo: 6 }] }, '--heads', file)).code).toBe(exitCodes.done);
  writeFileSync(file, `${whole.slice(0, -9)}\n${whole}`);
  const damaged = await verify({}, '--heads', file);
  expect([damaged.code, damaged.err]).toEqual([
    exitCodes.usage,
    expect.stringContaining('Line 1 is damaged'),
  ]);
});
