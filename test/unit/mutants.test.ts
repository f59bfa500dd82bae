import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mutants } from '../mutants/list.ts';
import { withChange } from '../mutants/planted-change.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

it('there are at least forty mutants, each of a name of its own', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(40);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

it.each(mutants)('the place of a mutant is exactly one: $name', (mutant) => {
  const text = read(mutant.file);
  expect(withChange(text, mutant)).not.toBe(text);
});

it('a mutant of a migration changes the last one that says so: an earlier one may be replaced', () => {
  const files = readdirSync(join(root, 'migrations')).filter((file) => /^\d+_.*\.sql$/.test(file));
  const replaced = mutants.flatMap(({ name, file, find }) => {
    if (!file.startsWith('migrations/')) return [];
    const later = files.filter((other) => `migrations/${other}` > file);
    return later.some((other) => read(`migrations/${other}`).includes(find)) ? [name] : [];
  });
  expect(replaced).toEqual([]);
});

it.each(mutants)('the test of a mutant is there: $name', ({ test }) => {
  expect(existsSync(join(root, test.file))).toBe(true);
  expect(read(test.file)).toContain(test.title);
});

it('every invariant of the specification has a mutant', () => {
  const ids = [...read('shared/SPEC.md').matchAll(/^### (U\d+) /gm)].map(([, id]) => id);
  expect(ids.length).toBeGreaterThan(0);
  const broken = new Set<string | undefined>(mutants.map(({ rule }) => rule));
  expect(ids.filter((id) => !broken.has(id))).toEqual([]);
});

it('a change whose place is missing, or is not one, is refused', () => {
  const change = { name: 'n', file: 'f', find: 'a', replace: 'b' };
  expect(withChange('xax', change)).toBe('xbx');
  expect(() => withChange('x', change)).toThrow('holds 0 times');
  expect(() => withChange('aa', change)).toThrow('holds 2 times');
});
