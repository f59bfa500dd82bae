/** Paths that comments and documents name: a file that was moved takes its mentions with it. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { expect, it } from 'vitest';
import { type RepositoryFile, readRepository } from './repository.ts';

const files = readRepository();
const names = new Set(files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
const root = new URL('../../', import.meta.url);

/** What a comment is, by the end of a file's name; a document is one as a whole. */
const comments: readonly (readonly [RegExp, RegExp])[] = [
  [/\.(?:ts|mjs)$/, /\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*/g],
  [/\.(?:sql|lua)$/, /--.*/g],
  [/\.(?:yml|yaml|conf|sh|example)$|(?:^|\/)(?:Dockerfile|run|\.\w+)$/, /#.*/g],
  [/\.md$/, /[\s\S]+/g],
];

/** Not behind `$VARIABLE/`, a URL's slash or a pattern's star: those are no paths of ours. */
const start = String.raw`(?<![\w./$*{}<>:@-])`;
const filePath = new RegExp(
  String.raw`${start}(?:\.{0,2}\/)?(?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|sql|lua|md|json|yml|conf)\b`,
  'g',
);
const fileName = new RegExp(String.raw`${start}[\w.-]+\.(?:ts|sql|lua)\b`, 'g');
const folderPath = new RegExp(
  String.raw`${start}(?:client|functions|infra|localstack|migrations|shared|test)\/[\w./-]*\w`,
  'g',
);
/** Not of the repository: `NAME.sql` and `STAGE/x.json` mean many files, builds write some, one is an image's name. */
const foreign =
  /(?:^|\/)[A-Z_]+(?:\/|\.(?:sql|lua|ts)$)|^(?:cdk\.out|node_modules)\/|^localstack\/localstack$/;

/** Each path that the file's comments name and that is not there. */
function stalePaths({ path, text }: RepositoryFile): readonly string[] {
  const pattern = comments.find(([file]) => file.test(path))?.[1];
  if (pattern === undefined) return [];
  const said = [...text.matchAll(pattern)].map(([comment]) => comment).join('\n');
  const all = (found: RegExp) => [...said.matchAll(found)].map(([name]) => name);
  const exists = (named: string) =>
    [named, join(dirname(path), named)].some((at) => existsSync(new URL(at, root)));
  return [
    ...[...all(filePath), ...all(folderPath)].filter((named) => !exists(named)),
    ...all(fileName).filter((named) => !names.has(named)),
  ].filter((named) => !foreign.test(named));
}

it('every path that a comment or a document names exists', () => {
  const stale = files
    .filter(({ path }) => path !== 'test/tidy/paths.test.ts')
    .flatMap((file) => stalePaths(file).map((named) => `${file.path}: ${named}`));
  expect([...new Set(stale)]).toEqual([]);
});

it.each([
  ['a.ts', '/** See `shared/limits.ts`, and shared/domain/limits.ts. */', ['shared/domain/limits.ts']],
  ['a.ts', "import x from './gone.ts'; // as ops/compose.test.ts", ['ops/compose.test.ts']],
  ['a.sql', '-- shared/gone.ts\nselect 1', ['shared/gone.ts']],
  ['a.lua', '-- see shared/segments/redis/keys.ts and gone.lua', ['gone.lua']],
  ['a.yml', 'x: y # test/gone', ['test/gone']],
  ['Dockerfile', '# localstack/gone.conf', ['localstack/gone.conf']],
  ['docs/a.md', 'Read [it](../shared/SPEC.md), `shared/ports/x.ts`.', ['shared/ports/x.ts']],
  [
    'a.ts',
    '// $DIR/endpoints.json, https://example.com/x.json, functions/NAME/handler.ts, **/*-micro.ts',
    [],
  ],
])('a stale path is found: %s', (path, text, expected) => {
  expect([...new Set(stalePaths({ path, text }))]).toEqual(expected);
});
