import { dirname, join } from 'node:path/posix';
import { expect, it } from 'vitest';
import { readRepository } from './repository.ts';

const files = readRepository();
const documents = files.filter(({ path }) => path.endsWith('.md'));
const textOf = (path: string) => files.find((file) => file.path === path)?.text ?? '';

/** Words that a reader has to translate: say report, is, transient. Nobody who reads this has seen a brief. */
const foreignWords = /\b(?:told|tells|stands|lies|weather|the brief|first design)\b/gi;

it('documents, comments and messages use plain words', () => {
  const read = /\.(?:md|ts|mjs|sql|lua|yml|yaml|conf|example)$/;
  const written = files.filter(({ path }) => read.test(path) && !path.startsWith('test/tidy/'));
  const found = written.flatMap(({ path, text }) =>
    [...text.matchAll(foreignWords)].map(([word]) => `${path}: ${word}`),
  );
  expect(found).toEqual([]);
});

it('the glossary has one term a row, in order, with a definition', () => {
  const glossary = textOf('shared/SPEC.md').split(/^## /m).at(-1) ?? '';
  const rows = [...glossary.matchAll(/^\| (.+?) \| (.+) \|$/gm)].slice(1);
  expect(rows.length).toBeGreaterThan(50);
  const terms = rows.map(([, term = '']) => term.replaceAll('`', '').toLowerCase());
  expect(terms.filter((term) => /,|;| or | and /.test(term))).toEqual([]);
  expect(terms).toEqual([...new Set(terms)].sort());
});

it('the life of an event passes every function', () => {
  const path = 'docs/life-of-an-event.md';
  const links = new Set(linksOf({ path, text: textOf(path) }).map(({ to }) => to));
  const handlers = files.filter((file) => /^functions\/\w+\/handler\.ts$/.test(file.path));
  expect(handlers.length).toBeGreaterThan(5);
  expect(handlers.filter((handler) => !links.has(handler.path)).map((handler) => handler.path)).toEqual([]);
});

it('every section that a document links to exists', () => {
  const links = documents.flatMap(linksOf).filter(({ section }) => section !== '');
  expect(links.length).toBeGreaterThan(10);
  const missing = links.filter(({ to, section }) => !sectionsOf(textOf(to)).has(section));
  expect(missing.map(({ from, to, section }) => `${from} links to ${to}#${section}`)).toEqual([]);
});

it('a section is named as GitHub names it', () => {
  const text = "## What if it's `lost`, twice?\n### 3. A b\n## 3. A b\n```sh\n# no heading\n```\n";
  expect([...sectionsOf(text)]).toEqual(['what-if-its-lost-twice', '3-a-b', '3-a-b-1']);
});

/** The links of a document inside the repository; paths from the root. */
function linksOf({ path, text }: { readonly path: string; readonly text: string }) {
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([, target = '', section = '']) => ({
      from: path,
      to: target === '' ? path : join(dirname(path), target),
      section,
    }),
  );
}

/** The anchors that GitHub gives to the headings of a document. */
function sectionsOf(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, heading = ''] of text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let unique = name;
    for (let copy = 1; names.has(unique); copy++) unique = `${name}-${copy}`;
    names.add(unique);
  }
  return names;
}
