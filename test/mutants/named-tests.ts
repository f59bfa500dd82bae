/** Runs named tests of one file and reads what became of each. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Workshop } from './processes.ts';
import type { Tree } from './tree.ts';

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

/** What became of the tests of one title. */
export interface TitleResult {
  readonly passed: number;
  readonly failed: number;
  /** The first failure, without its stack. */
  readonly failure: string | null;
}

/** A test of a broken program may wait for ever; servers take half a minute to start. */
const timeoutMs = { unit: 120_000, servers: 420_000 } as const;

export interface NamedRun {
  readonly file: string;
  readonly titles: readonly string[];
}

/** By title; a title that no test has, or whose file could not be run, has neither passed nor failed. */
export async function runTitles(
  { tree, workshop }: { readonly tree: Tree; readonly workshop: Workshop },
  { file, titles }: NamedRun,
): Promise<ReadonlyMap<string, TitleResult>> {
  const report = `${tree.path}.report.json`;
  rmSync(report, { force: true });
  const tier = file.split('/')[1] ?? '';
  const project = tier === 'property' ? 'unit' : tier;
  const pattern = titles.map((title) => RegExp.escape(title)).join('|');
  const args = [join('node_modules', 'vitest', 'vitest.mjs'), 'run', `--project=${project}`, file];
  const reporters = ['--reporter=json', `--outputFile=${report}`];
  await workshop.run({
    cwd: tree.path,
    args: [...args, '-t', pattern, ...reporters],
    timeoutMs: project === 'unit' ? timeoutMs.unit : timeoutMs.servers,
  });
  const tests = existsSync(report)
    ? reportSchema
        .parse(JSON.parse(readFileSync(report, 'utf8')))
        .testResults.flatMap((one) => one.assertionResults)
    : [];
  return new Map(
    titles.map((title) => {
      const named = tests.filter(({ fullName }) => fullName.includes(title));
      const failed = named.filter(({ status }) => status === 'failed');
      const [failure = null] = failed.flatMap(({ failureMessages }) => failureMessages);
      return [
        title,
        {
          passed: named.filter(({ status }) => status === 'passed').length,
          failed: failed.length,
          failure: failure?.split('\n')[0] ?? null,
        },
      ];
    }),
  );
}
