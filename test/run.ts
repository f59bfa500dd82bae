/**
 * `odometer test [TIER [vitest arguments]]`: runs the tiers in order, cheapest first, and ends with how long each of
 * them took and the one line `N passed, N failed` over all. Every tier runs even if an earlier one failed.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { z } from 'zod';
import type { Report } from '../shared/contracts/command.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** What a tier counted, and how long it took. */
interface TierResult extends Counts {
  readonly seconds: number;
}

const checks = [['biome', 'ci', '.'], ['tsc', '--noEmit'], ['knip']] as const;
/** Tiers of vitest, each with the files that make it worth starting servers for. */
const vitestTiers = {
  unit: 'test/{unit,property,tidy}/**/*.test.ts',
  simulation: 'test/simulation/**/*.test.ts',
  infra: 'test/infra/**/*.test.ts',
  integration: 'test/integration/**/*.test.ts',
  fault: 'test/fault/**/*.test.ts',
  e2e: 'test/e2e/**/*.test.ts',
  ops: 'test/ops/**/*.test.ts',
} as const;
type VitestTier = keyof typeof vitestTiers;
const tiers = ['check', 'unit', 'simulation', 'infra', 'integration', 'fault', 'e2e', 'ops'] as const;
type Tier = (typeof tiers)[number];

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
});

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');

/** Where the tools of the tiers print: the file descriptor of standard output or standard error. */
type Sink = 1 | 2;

export function define(command: Command, report: Report): void {
  command
    .description('Runs the tests, the cheapest tier first, and every tier even if an earlier one failed.')
    .addArgument(new Argument('[tier]', 'The only tier to run. Default: all of them.').choices(tiers))
    .argument('[arguments...]', 'For vitest, after the tier.')
    .allowUnknownOption()
    .addHelpText(
      'after',
      '\nExit code 3: a test has failed.\n\nExample: odometer test unit test/unit/fold.test.ts',
    )
    .action(
      async (tier: Tier | undefined, args: readonly string[], { json }: { readonly json?: boolean }) => {
        const results = await runTiers(tier === undefined ? tiers : [tier], args, json === true ? 2 : 1);
        const counts = Object.values(results);
        const passed = counts.reduce((sum, count) => sum + count.passed, 0);
        const failed = counts.reduce((sum, count) => sum + count.failed, 0);
        const took = Object.entries(results).map(([name, { seconds }]) => `${name} ${seconds} s`);
        const text = `${took.join(', ')}\n${passed} passed, ${failed} failed`;
        report({ json: { passed, failed, tiers: results }, text, found: failed > 0 });
      },
    );
}

async function runTiers(
  chosen: readonly Tier[],
  vitestArgs: readonly string[],
  sink: Sink,
): Promise<Partial<Record<Tier, TierResult>>> {
  const results: Partial<Record<Tier, TierResult>> = {};
  for (const tier of chosen) {
    print(`\n== ${tier}`, sink);
    const startMs = performance.now();
    const counts = tier === 'check' ? await runChecks(sink) : await runVitest(tier, vitestArgs, sink);
    results[tier] = { ...counts, seconds: Math.round((performance.now() - startMs) / 1000) };
  }
  return results;
}

function print(line: string, sink: Sink): void {
  (sink === 1 ? process.stdout : process.stderr).write(`${line}\n`);
}

async function runChecks(sink: Sink): Promise<Counts> {
  let passed = 0;
  for (const [tool, ...args] of checks) {
    const ok = (await runProgram(join(bin, tool), args, sink)) === 0;
    print(`${tool}: ${ok ? 'clean' : 'not clean'}`, sink);
    passed += ok ? 1 : 0;
  }
  return { passed, failed: checks.length - passed };
}

async function runVitest(tier: VitestTier, args: readonly string[], sink: Sink): Promise<Counts> {
  if (globSync(vitestTiers[tier], { cwd: root }).length === 0) return { passed: 0, failed: 0 };
  const folder = mkdtempSync(join(tmpdir(), 'odometer-report-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const vitestArgs = [vitest, 'run', `--project=${tier}`, ...reporters, ...args];
  const code = await runProgram(process.execPath, vitestArgs, sink);
  const counts = countsIn(report);
  rmSync(folder, { recursive: true, force: true });
  // A run that fails without a failed test (a set-up that threw, an unhandled rejection) is a failure too.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Counts tests, and each file that could not be loaded as one failure. */
function countsIn(report: string): Counts {
  try {
    const read = reportSchema.parse(JSON.parse(readFileSync(report, 'utf8')));
    const unloaded = read.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    );
    return { passed: read.numPassedTests, failed: read.numFailedTests + unloaded.length };
  } catch {
    return { passed: 0, failed: 1 }; // No report: vitest itself did not come to its end.
  }
}

function runProgram(file: string, args: readonly string[], sink: Sink): Promise<number> {
  const child = spawn(file, args, { cwd: root, stdio: ['inherit', sink, 'inherit'] });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  return new Promise((resolve) => {
    const end = (code: number): void => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
      resolve(code);
    };
    child.once('exit', (code) => end(code ?? 1));
    child.once('error', () => end(1));
  });
}
