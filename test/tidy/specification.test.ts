import { expect, it } from 'vitest';
import { readRepository } from './repository.ts';

const files = readRepository();
const specification = files.find(({ path }) => path === 'shared/SPEC.md')?.text ?? '';

/** One section an invariant: `### U1 durable before accepted` up to the next heading. */
const invariants = specification.split(/^(?=#{2,3} )/m).flatMap((section) => {
  const id = /^### (U\d+) /.exec(section)?.[1];
  return id === undefined ? [] : [{ id, section }];
});

/** `U3: a redelivered batch changes nothing`, in `it`, `describe` or the rows of `it.each`. */
const tests = files.filter(({ path }) => path.endsWith('.test.ts') && !path.startsWith('test/tidy/'));
const titles = idsIn(tests);
/** An invariant is about real servers, so a unit test alone does not show it. */
const titlesOnServers = new Set(
  idsIn(tests.filter(({ path }) => /^test\/(?:integration|fault|e2e)\//.test(path))),
);

function idsIn(these: typeof tests): readonly (string | undefined)[] {
  return these.flatMap(({ text }) =>
    [...text.matchAll(/(?:\(\s*|\[\s*|name: )['"`](U\d+): /g)].map(([, id]) => id),
  );
}

it('the specification holds the invariants U1 to U13, in order', () => {
  expect(invariants.map(({ id }) => id)).toEqual(Array.from({ length: 13 }, (_, i) => `U${i + 1}`));
});

it.each(invariants)('$id says by what it is enforced', ({ section }) => {
  expect(section).toMatch(/^Enforced by: \S/m);
});

it.each(invariants)('$id has a test on real servers whose title starts with it', ({ id }) => {
  expect([...titlesOnServers]).toContain(id);
});

it.each(invariants)('$id says what is missing, where it has such a line', ({ section }) => {
  expect(section).not.toMatch(/^Missing:(?! \S)/m);
});

it('no test title names an invariant that is not in the specification', () => {
  const ids = new Set(invariants.map(({ id }) => id));
  expect(titles.filter((id) => id === undefined || !ids.has(id))).toEqual([]);
});
