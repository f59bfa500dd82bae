/** Runs mutants: each must compile, its test must pass without it and fail with it. */
import { join } from 'node:path';
import { type Mutant, needsServers } from './mutant.ts';
import { runTitles, type TitleResult } from './named-tests.ts';
import type { Workshop } from './processes.ts';
import { Tree } from './tree.ts';

/**
 * `killed`: the test noticed. `survived`: it did not, which is a defect of the test. `broken`: it says nothing,
 * because the mutant does not compile or load, its test did not run, or the test fails without it too.
 */
type Verdict = 'killed' | 'survived' | 'broken';

export interface MutantResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** The failure that killed it, or why it is broken. */
  readonly why: string;
}

export type Progress = (line: string) => void;

/** Results in the order of `mutants`. Those on servers run one after another, beside the compiler and the others. */
export async function runMutants(
  mutants: readonly Mutant[],
  workshop: Workshop,
  progress: Progress,
): Promise<readonly MutantResult[]> {
  // Made before anything runs, so that the clone may be worked in meanwhile.
  const trees = {
    servers: treeIn(workshop, 's'),
    others: treeIn(workshop, 'u'),
    compiled: treeIn(workshop, 'c'),
  };
  const lane = (servers: boolean) => {
    const tree = servers ? trees.servers : trees.others;
    const ofLane = mutants.filter((one) => needsServers(one) === servers);
    return runLane(ofLane, { tree, workshop }, progress);
  };
  const [onServers, [uncompiled, others]] = await Promise.all([
    lane(true),
    findUncompiled(mutants, trees.compiled, workshop).then(
      async (found) => [found, await lane(false)] as const,
    ),
  ]);
  const byName = new Map([...onServers, ...others].map((result) => [result.name, result]));
  for (const [{ name }, why] of uncompiled) byName.set(name, { name, verdict: 'broken', why });
  return mutants.flatMap(({ name }) => byName.get(name) ?? []);
}

function treeIn({ path }: Workshop, name: string): Tree {
  return new Tree(join(path, name));
}

/** Mutants of different files are compiled together; the k-th ones of all files make one round. */
async function findUncompiled(
  mutants: readonly Mutant[],
  tree: Tree,
  workshop: Workshop,
): Promise<ReadonlyMap<Mutant, string>> {
  const ofFiles = [
    ...Map.groupBy(
      mutants.filter(({ file }) => file.endsWith('.ts')),
      ({ file }) => file,
    ).values(),
  ];
  const uncompiled = new Map<Mutant, string>();
  for (let k = 0; ofFiles.some((ofFile) => k < ofFile.length); k++) {
    const round = ofFiles.flatMap((ofFile) => ofFile.slice(k, k + 1));
    for (const [mutant, error] of await compile(round, tree, workshop)) uncompiled.set(mutant, error);
  }
  return uncompiled;
}

async function compile(
  round: readonly Mutant[],
  tree: Tree,
  workshop: Workshop,
): Promise<readonly (readonly [Mutant, string])[]> {
  const args = [join('node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '--pretty', 'false'];
  const compiling = () => workshop.run({ cwd: tree.path, args, timeoutMs: 300_000 });
  const { code, output } = await tree.with(round, compiling);
  if (code === 0) return [];
  const errors = output.split('\n').filter((line) => /^\S+\(\d+,\d+\): error/.test(line));
  const [only] = round;
  if (only !== undefined && round.length === 1) return [[only, errors[0] ?? output]];
  const found = round.flatMap((mutant) => {
    const error = errors.find((line) => line.startsWith(`${mutant.file}(`));
    return error === undefined ? [] : [[mutant, error] as const];
  });
  const ownErrors = errors.filter((line) => round.some(({ file }) => line.startsWith(`${file}(`)));
  if (found.length > 0 && ownErrors.length === errors.length) return found;
  // An error is in a file that nobody changed: one of the round has caused it.
  const alone = [];
  for (const mutant of round) alone.push(...(await compile([mutant], tree, workshop)));
  return alone;
}

interface Runner {
  readonly tree: Tree;
  readonly workshop: Workshop;
}

async function runLane(
  lane: readonly Mutant[],
  runner: Runner,
  progress: Progress,
): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = [];
  for (const [file, ofFile] of Map.groupBy(lane, ({ test }) => test.file)) {
    const titles = [...new Set(ofFile.map(({ test }) => test.title))];
    const unchanged = await runTitles(runner, { file, titles });
    for (const mutant of ofFile) {
      const result = await runMutant(mutant, unchanged.get(mutant.test.title), runner);
      progress(`${result.verdict}: ${result.name}${result.verdict === 'killed' ? '' : ` (${result.why})`}`);
      results.push(result);
    }
  }
  return results;
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
  const changed = (await runner.tree.with([mutant], run)).get(test.title);
  if (changed === undefined || changed.passed + changed.failed === 0) return broken('its test did not run');
  if (changed.failed === 0) return { name, verdict: 'survived', why: `${changed.passed} passed` };
  const why = changed.failure ?? '';
  // SQL and Lua are compiled by their servers.
  return /syntax error|Error compiling script/.test(why) ? broken(why) : { name, verdict: 'killed', why };
}
