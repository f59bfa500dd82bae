import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { commands, exitCodes, odometer } from '../../odometer.ts';
import manifest from '../../package.json' with { type: 'json' };

// The first use of a command loads it with its drivers.
vi.setConfig({ testTimeout: 60_000 });

const dataDir = mkdtempSync(join(tmpdir(), 'odometer-command-'));
vi.stubEnv('ODOMETER_DATA_DIR', dataDir);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(line: string): Promise<Ended> {
  const text = { out: '', err: '' };
  const code = await odometer(line.split(' ').filter(Boolean), {
    out: (part) => {
      text.out += part;
    },
    err: (part) => {
      text.err += part;
    },
  });
  return { code, ...text };
}

const operateVerbs = ['migrate', 'halts', 'resume', 'quarantine', 'conflicts', 'close-day', 'verify'].map(
  (verb) => `operate ${verb}`,
);
const keysVerbs = ['create', 'list', 'revoke', 'rotate'].map((verb) => `keys ${verb}`);
const leaves = [
  ...commands.map(([verb]) => verb).filter((verb) => !['operate', 'keys'].includes(verb)),
  ...operateVerbs,
  ...keysVerbs,
];

it('the help page lists every command with one line each, and the exit codes', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(exitCodes.done);
  for (const [verb, does] of commands) expect(out).toMatch(new RegExp(`^  ${verb} +${does}$`, 'm'));
  for (const exitCode of Object.values(exitCodes)) expect(out).toMatch(new RegExp(`^  ${exitCode}  `, 'm'));
});

it('the version is that of the package', async () => {
  expect(await run('--version')).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
});

it.each(leaves)(
  '%s --help has an example, --json, and a sentence with a default for every option',
  async (line) => {
    const { code, out, err } = await run(`${line} --help`);
    expect([code, err]).toEqual([exitCodes.done, '']);
    // `operate verify` is `verify`, whose example is shorter.
    const shortest = line.replace('operate verify', 'verify');
    expect(out).toMatch(new RegExp(`^Example: odometer ${shortest}( |$)`, 'm'));
    const options = /^Options:\n([\s\S]*?)\n\n/m.exec(out)?.[1]?.replace(/\n {6,}/g, ' ') ?? '';
    const sentences = options.split('\n').filter((option) => !option.includes('--help'));
    expect(sentences.join('\n')).toContain('--json');
    const complete = / {2}[A-Z].*\. ?(?:\(default: .*\))?$/;
    const withDefault = /\(default: |Default: |Required\./;
    expect(sentences.filter((option) => !complete.test(option) || !withDefault.test(option))).toEqual([]);
  },
);

it.each([
  '',
  'nothing',
  ...leaves.map((leaf) => `${leaf} --no-such-option`),
  'stop now',
  'cost --batch many',
])('wrong usage is exit code 2, with a sentence and nothing on standard output: %s', async (line) => {
  const { code, out, err } = await run(line);
  expect([code, out, err]).toEqual([exitCodes.usage, '', expect.stringMatching(/error: |Usage: /)]);
});

it.each([
  'operate resume 7 --by a --why b --restart-at 1',
  'operate quarantine --rows 0',
  'operate conflicts --rows 1001',
  'operate close-day 2026-02-30 --by a --why b',
])('options that cannot be together or are out of range are wrong usage: %s', async (line) => {
  expect(await run(line)).toMatchObject({ code: exitCodes.usage, out: '' });
});

it.each(['verify', 'recount', 'bench', 'load', 'operate halts'])(
  '%s without a twin says in one line how to get one, without a stack',
  async (line) => {
    const { code, out, err } = await run(line);
    expect([code, out, err]).toEqual([exitCodes.failed, '', expect.stringContaining('npm start')]);
    expect(err.trim().split('\n')).toHaveLength(1);
  },
);

it('token before the first start says so', async () => {
  vi.stubEnv('ODOMETER_DATA_DIR', join(dataDir, 'none'));
  const ended = await run('token');
  vi.stubEnv('ODOMETER_DATA_DIR', dataDir);
  expect(ended).toEqual({ code: exitCodes.failed, out: '', err: expect.stringContaining('npm start') });
});

it('a defect is exit code 1, with its stack', async () => {
  const file = join(dataDir, 'secrets.json');
  writeFileSync(file, '{');
  const { code, out, err } = await run('token');
  rmSync(file);
  expect([code, out, err]).toEqual([
    exitCodes.failed,
    '',
    expect.stringMatching(/as JSON\n {4}at [\s\S]*SyntaxError/),
  ]);
});

describe('with --json, standard output is one document', () => {
  it('cost', async () => {
    const { code, out } = await run('cost --events-per-minute 1200000 --json');
    const { eventsPerMinute, batch, total } = JSON.parse(out);
    expect([code, eventsPerMinute, batch, total > 0]).toEqual([exitCodes.done, 1_200_000, 100, true]);
  });

  it('token', async () => {
    const { code, out } = await run('token --scope read --hours 2 --json');
    expect(code).toBe(exitCodes.done);
    expect(JSON.parse(out)).toMatchObject({
      caller: 'somebody',
      scope: 'read',
      organizations: '*',
      hours: 2,
    });
  });

  it('stop, where nothing runs', async () => {
    const { code, out } = await run('stop --json');
    expect(code).toBe(exitCodes.done);
    expect(JSON.parse(out)).toEqual({ dataDir, supervisor: null, left: [] });
  });
});

it('a tier that fails is exit code 3, and --json is ours wherever it is between the options of vitest', async () => {
  const { code, out } = await run('test ops --json test/ops/no-such.test.ts --bail 1');
  expect(code).toBe(exitCodes.found);
  expect(JSON.parse(out)).toEqual({
    passed: 0,
    failed: 1,
    tiers: { ops: { passed: 0, failed: 1, seconds: expect.any(Number) } },
  });
});

it('without --json the result is text', async () => {
  expect((await run('stop')).out).toBe(`nothing runs on ${dataDir}\n`);
  expect((await run('token')).out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
});

it('the program runs by itself, and what npm links to it can be executed', async () => {
  const root = join(import.meta.dirname, '..', '..');
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'odometer.ts'), '--version']);
  expect(stdout).toBe(`${manifest.version}\n`);
  // It is not run here: where the lock file is newer than the packages, it would replace them below these tests.
  const linked = join(root, manifest.bin.odometer);
  expect(() => accessSync(linked, constants.X_OK)).not.toThrow();
  expect(readFileSync(linked, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});
