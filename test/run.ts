/**
 * `npm test [-- TIER [vitest arguments]]`: runs the tiers in order, cheapest first, and ends with the one line
 * `N passed, N failed` over all of them. Every tier runs even if an earlier one failed.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const checks = [['biome', 'ci', '.'], ['tsc', '--noEmit'], ['knip']] as const;
/** Tiers of vitest, each with the files that make it worth starting servers for. */
const vitestTiers = {
  unit: 'test/{unit,property,tidy}/**/*.test.ts',
  infra: 'test/infra/**/*.test.ts',
  integration: 'test/integration/**/*.test.ts',
  fault: 'test/fault/**/*.test.ts',
  e2e: 'test/e2e/**/*.test.ts',
  ops: 'test/ops/**/*.test.ts',
} as const;
type VitestTier = keyof typeof vitestTiers;
const tiers = ['check', 'unit', 'infra', 'integration', 'fault', 'e2e', 'ops'] as const;
type Tier = (typeof tiers)[number];

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
});

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');

async function main(): Promise<void> {
  const [asked, ...vitestArgs] = process.argv.slice(2);
  const chosen = tiers.filter((tier) => asked === undefined || tier === asked);
  if (chosen.length === 0) {
    process.stderr.write(`There is no tier ${asked}; the tiers are ${tiers.join(', ')}.\n`);
    process.exit(1);
  }
  const total = { passed: 0, failed: 0 };
  for (const tier of chosen) {
    const counts = await runTier(tier, vitestArgs);
    total.passed += counts.passed;
    total.failed += counts.failed;
  }
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  process.exit(total.failed === 0 ? 0 : 1);
}

function runTier(tier: Tier, vitestArgs: readonly string[]): Promise<Counts> {
  process.stdout.write(`\n== ${tier}\n`);
  return tier === 'check' ? runChecks() : runVitest(tier, vitestArgs);
}

async function runChecks(): Promise<Counts> {
  let passed = 0;
  for (const [tool, ...args] of checks) {
    const ok = (await runProgram(join(bin, tool), args)) === 0;
    process.stdout.write(`${tool}: ${ok ? 'clean' : 'not clean'}\n`);
    passed += ok ? 1 : 0;
  }
  return { passed, failed: checks.length - passed };
}

async function runVitest(tier: VitestTier, args: readonly string[]): Promise<Counts> {
  if (globSync(vitestTiers[tier], { cwd: root }).length === 0) return { passed: 0, failed: 0 };
  const folder = mkdtempSync(join(tmpdir(), 'odometer-report-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await runProgram(process.execPath, [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    `--project=${tier}`,
    ...reporters,
    ...args,
  ]);
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

function runProgram(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(file, args, { cwd: root, stdio: 'inherit' });
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

await main();
