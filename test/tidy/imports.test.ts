import { dirname } from 'node:path/posix';
import { expect, it } from 'vitest';
import {
  commandContract,
  commandEntry,
  floorOf,
  impure,
  impureFiles,
  mayImport,
  mechanism,
  packageExceptions,
  packageHomes,
  recountPackages,
  roomOf,
  wiring,
} from './import-rules.ts';
import { type ImportLine, importsOf, readRepository } from './repository.ts';

const sources = readRepository().filter(
  ({ path }) => /\.(?:ts|mjs)$/.test(path) && !path.startsWith('test/tidy/'),
);
const imports = sources.flatMap(importsOf);
const own = imports.filter(({ isPackage }) => !isPackage);

it('a room imports itself and what the table allows', () => {
  expect(own.filter((line) => !isAllowed(line)).map(describeLine)).toEqual([]);
});

it('the rooms of shared/ import downwards only', () => {
  expect(own.filter((line) => !isDownwards(line)).map(describeLine)).toEqual([]);
});

it('only handlers and local programs name a mechanism', () => {
  expect(own.filter((line) => !isHandedPorts(line)).map(describeLine)).toEqual([]);
});

it('outside the mechanisms shared/ and functions/ are pure', () => {
  const pure = sources.filter(
    ({ path }) => /^(?:shared|functions)\//.test(path) && !mechanism.test(path) && roomOf(path) !== 'handler',
  );
  expect(pure.length).toBeGreaterThan(80);
  expect(
    pure.filter(({ path, text }) => !(path in impureFiles) && isImpure(text)).map(({ path }) => path),
  ).toEqual([]);
});

it('every third-party package has one home, or a second one with a reason', () => {
  const packages = imports.filter(({ isPackage, to }) => isPackage && !to.startsWith('node:'));
  expect(packages.filter(isStray).map(describeLine)).toEqual([]);
  const used = ({ name, home }: (typeof packageExceptions)[number]) =>
    packages.some(({ from, to }) => to === name && home.test(from));
  expect(packageExceptions.filter((exception) => !used(exception)).map(({ name }) => name)).toEqual([]);
});

it('the command line program imports the entry of each command and nothing else', () => {
  const textOf = (path: string) => sources.find((file) => file.path === path)?.text ?? '';
  const targets = own.filter(({ from }) => roomOf(from) === 'odometer').map(({ to }) => to);
  expect(targets.length).toBeGreaterThan(10);
  const besides = (path: string) => commandContract.test(path) || path === 'package.json';
  expect(targets.filter((path) => !besides(path) && !commandEntry.test(textOf(path)))).toEqual([]);
  // Loaded when they run: the help page waits for no driver.
  const program = textOf('odometer.ts');
  expect([...program.matchAll(/^import (?!type ).*from '([^']+)'/gm)].map(([, from]) => from)).toEqual([
    'node:util',
    'commander',
    './package.json',
  ]);
});

it('the recount imports nothing of ours, and only drivers of others', () => {
  const lines = imports.filter(({ from }) => from.startsWith('test/recount/'));
  expect(lines.length).toBeGreaterThan(10);
  const strays = lines.filter(({ to, isPackage }) =>
    isPackage ? !to.startsWith('node:') && !recountPackages.has(to) : !to.startsWith('test/recount/'),
  );
  expect(strays.map(describeLine)).toEqual([]);
});

it('no file imports itself on a detour, not even its types', () => {
  const edges = Map.groupBy(own, ({ from }) => from);
  const done = new Set<string>();
  const circleFrom = (path: string, way: readonly string[]): readonly string[] | null => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const { to } of edges.get(path) ?? []) {
      const circle = circleFrom(to, [...way, path]);
      if (circle !== null) return circle;
    }
    done.add(path);
    return null;
  };
  expect(sources.flatMap(({ path }) => circleFrom(path, []) ?? [])).toEqual([]);
});

it('an import that leaves its room is found', () => {
  const line = { isPackage: false, typesOnly: false };
  const upwards = { ...line, from: 'shared/log/envelope.ts', to: 'shared/segments/fold.ts' };
  expect(isDownwards(upwards)).toBe(false);
  expect(isDownwards({ ...line, from: upwards.to, to: upwards.from })).toBe(true);
  const sideways = { ...line, from: 'functions/ingest/handler.ts', to: 'functions/query/config.ts' };
  expect(isAllowed(sideways)).toBe(false);
  const driver = { ...line, from: 'functions/ingest/accept-events.ts', to: 'shared/log/kafka/log-writer.ts' };
  expect(isHandedPorts(driver)).toBe(false);
  expect(isHandedPorts({ ...driver, from: 'functions/ingest/handler.ts' })).toBe(true);
  const mechanisms = { ...line, from: 'shared/segments/redis/keys.ts', to: 'shared/log/kafka/log-writer.ts' };
  expect(isHandedPorts(mechanisms)).toBe(false);
  expect(isImpure('const nowMs = Date.now();')).toBe(true);
  expect(isImpure('// Date.now() is not read here\nconst nowMs = clock.now();')).toBe(false);
});

function isAllowed({ from, to }: ImportLine): boolean {
  const room = roomOf(from);
  if (room === undefined) return false;
  // One function never imports another.
  if (/^functions\//.test(from) && /^functions\//.test(to)) return dirname(from) === dirname(to);
  return roomOf(to) === room || mayImport[room].some((pattern) => pattern.test(to));
}

function isDownwards({ from, to }: ImportLine): boolean {
  if (!from.startsWith('shared/') || !to.startsWith('shared/')) return true;
  return (
    from.split('/')[1] === to.split('/')[1] ||
    (floorOf(to) >= 0 && floorOf(to) < floorOf(from)) ||
    isGround(from, to)
  );
}

/** Contracts, limits and errors know each other. */
function isGround(from: string, to: string): boolean {
  return floorOf(from) === 0 && floorOf(to) === 0;
}

/** A mechanism is named by its own folder, or where it is wired. */
function isHandedPorts({ from, to }: ImportLine): boolean {
  const folder = mechanism.exec(to)?.[0];
  if (folder === undefined || wiring.some((pattern) => pattern.test(from))) return true;
  // The mechanisms of `runtime` are one: the process, with its secrets and its metrics.
  return (
    mechanism.exec(from)?.[0] === folder || (isOfRuntime(from) && isOfRuntime(to) && mechanism.test(from))
  );
}

function isOfRuntime(path: string): boolean {
  return path.startsWith('shared/runtime/');
}

/** Code, not comments. */
function isImpure(text: string): boolean {
  return impure.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''));
}

function isStray({ from, to, typesOnly }: ImportLine): boolean {
  const room = roomOf(from);
  if (room === 'test' || room === 'bench') return false;
  if (room === 'recount') return !recountPackages.has(to);
  // Types alone: `@types/aws-lambda` describes events, it is no program.
  if (to === 'aws-lambda') return !typesOnly;
  if (packageHomes[to]?.test(from) === true) return false;
  return !packageExceptions.some(({ name, home }) => name === to && home.test(from));
}

function describeLine({ from, to }: ImportLine): string {
  return `${from} imports ${to}`;
}
