import { dirname } from 'node:path/posix';
import { expect, it } from 'vitest';
import { homeOf, mayImport, packageHomes, recountPackages } from './import-rules.ts';
import { type ImportLine, importsOf, readRepository } from './repository.ts';

const files = readRepository();
const imports = files
  .filter(({ path }) => /\.(?:ts|mjs)$/.test(path) && !path.startsWith('test/tidy/'))
  .flatMap(importsOf);

it('every import obeys the table "who may import whom"', () => {
  expect(imports.filter((line) => !line.isPackage && !isAllowed(line)).map(describeLine)).toEqual([]);
});

it('every third-party package has one home', () => {
  const strays = imports.filter(({ isPackage, to }) => isPackage && !to.startsWith('node:')).filter(isStray);
  expect(strays.map(describeLine)).toEqual([]);
});

it('the recount imports nothing of ours, and only drivers of others', () => {
  const own = imports.filter(({ from }) => from.startsWith('test/recount/'));
  expect(own.length).toBeGreaterThan(10);
  const strays = own.filter(({ to, isPackage }) =>
    isPackage ? !to.startsWith('node:') && !recountPackages.has(to) : !to.startsWith('test/recount/'),
  );
  expect(strays.map(describeLine)).toEqual([]);
});

it('an import that leaves its home is found', () => {
  const line = { isPackage: false, typesOnly: false };
  expect(isAllowed({ ...line, from: 'shared/domain/a.ts', to: 'shared/ports/b.ts' })).toBe(false);
  expect(isAllowed({ ...line, from: 'shared/segments/redis/a.ts', to: 'shared/log/kafka/b.ts' })).toBe(false);
  expect(isAllowed({ ...line, from: 'functions/ingest/handler.ts', to: 'functions/query/config.ts' })).toBe(
    false,
  );
  expect(isAllowed({ ...line, from: 'functions/query/summarize.ts', to: 'shared/ports/b.ts' })).toBe(false);
  const types = { ...line, typesOnly: true };
  expect(isAllowed({ ...types, from: 'functions/query/summarize.ts', to: 'shared/ports/b.ts' })).toBe(true);
});

function isAllowed({ from, to, typesOnly }: ImportLine): boolean {
  const source = homeOf(from);
  const target = homeOf(to);
  if (source === undefined || target === undefined) return false;
  const may = mayImport[source][target];
  // A function's own translation may name its use case's types and the other way round; see `own`.
  if (may === 'own') return dirname(from) === dirname(to);
  if (may === 'types') return typesOnly;
  return may === 'yes';
}

function isStray({ from, to }: ImportLine): boolean {
  if (homeOf(from) === 'test' || homeOf(from) === 'bench') return false;
  if (homeOf(from) === 'recount') return !recountPackages.has(to);
  return !(packageHomes[to] ?? []).some((home) => home.test(from));
}

function describeLine({ from, to }: ImportLine): string {
  return `${from} imports ${to}`;
}
