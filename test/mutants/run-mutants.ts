/** Runs mutants: each must compile, its test must pass without it and fail with it. */
import { join } from 'node:path';
import { type Mutant, needsServers } from './mutant.ts';
import { runTitles, type TitleResult } from './named-tests.ts';
import { withChange } from './planted-change.ts';
import type { Workshop } from './processes.ts';
import { Tree } from './tree.ts';

/**
 * `killed`: the test noticed. `survived`: it did not, which is a defect of the test. `broken`: it says nothing,
 * because the mutant does not compile or load, its test did not run, or the test fails without it too.
 */
export const verdicts = ['killed', 'survived', 'broken'] as const;

export interface MutantResult {
  readonly name: string;
  readonly verdict: (typeof verdicts)[number];
  /** The failure that killed it, or why it is broken. */
  readonly why: string;
}

const compilerTimeoutMs = 600_000;

/**
 * Runs mutants and hands over each result as it is known. Mutants on servers run one after another; beside them run
 * the compiler, whose result replaces the others, and the mutants that need no servers.
 */
export async function runMutants(
  mutants: readonly Mutant[],
  workshop: Workshop,
  onResult: (result: MutantResult) => void,
): Promise<void> {
  // Made before anything runs, so that the clone may be worked in meanwhile.
  const copy = (name: string): Runner => ({ tree: new Tree(join(workshop.path, name)), workshop });
  const [forServers, forOthers, forCompiler] = [copy('s'), copy('u'), copy('c')] as const;
  const onServers = mutants.filter(needsServers);
  const others = mutants.filter((mutant) => !needsServers(mutant));
  await Promise.all([
    runLane(onServers, forServers, onResult),
    runLane(others, forOthers, onResult).then(() => compileAll(mutants, forCompiler, onResult)),
  ]);
}

/** All mutants are compiled at once, each as a file beside the one that it changes. */
async function compileAll(
  mutants: readonly Mutant[],
  { tree, workshop }: Runner,
  onResult: (result: MutantResult) => void,
): Promise<void> {
  const variants = mutants
    .filter(({ file }) => file.endsWith('.ts'))
    .map((mutant, i) => ({ mutant, file: mutant.file.replace(/\.ts$/, `.mutant-${i}.ts`) }));
  for (const { mutant, file } of variants) tree.write(file, withChange(tree.read(mutant.file), mutant));
  const args = [join('node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '--pretty', 'false'];
  const { code, output } = await workshop.run({ cwd: tree.path, args, timeoutMs: compilerTimeoutMs });
  const lines = output.split('\n');
  for (const { mutant, file } of variants) {
    const error = lines.find((line) => line.startsWith(`${file}(`));
    if (error !== undefined) onResult({ name: mutant.name, verdict: 'broken', why: error });
  }
  if (code === null) throw new Error(`the compiler did not end within ${compilerTimeoutMs} ms`);
}

interface Runner {
  readonly tree: Tree;
  readonly workshop: Workshop;
}

async function runLane(
  lane: readonly Mutant[],
  runner: Runner,
  onResult: (result: MutantResult) => void,
): Promise<void> {
  for (const [file, ofFile] of Map.groupBy(lane, ({ test }) => test.file)) {
    const titles = [...new Set(ofFile.map(({ test }) => test.title))];
    const unchanged = await runTitles(runner, { file, titles });
    for (const mutant of ofFile) onResult(await runMutant(mutant, unchanged.get(mutant.test.title), runner));
  }
}

async function runMutant(
  mutant: Mutant,
  unchanged: TitleResult | undefined,
  runner: Runner,
): Promise<MutantResult> {
  const { name, test } = mutant;
  const broken = (why: string): MutantResult => ({ name, verdict: 'broken', why });
  if (unchanged === undefined || unchanged.passed === 0)
    return broken('no test of this title passes without it');
  if (unchanged.failed > 0) return broken(`its test fails without it: ${unchanged.failure}`);
  const run = () => runTitles(runner, { file: test.file, titles: [test.title] });
  const changed = (await runner.tree.with(mutant, run)).get(test.title);
  if (changed === undefined || changed.passed + changed.failed === 0) return broken('its test did not run');
  if (changed.failed === 0) return { name, verdict: 'survived', why: `${changed.passed} passed` };
  const why = changed.failure ?? '';
  // SQL and Lua are compiled by their servers.
  return /syntax error|Error compiling script/.test(why) ? broken(why) : { name, verdict: 'killed', why };
}
