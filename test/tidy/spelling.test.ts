import ts from 'typescript-api';
import { expect, it } from 'vitest';
import { walk } from './compiler.ts';
import { type RepositoryFile, readRepository } from './repository.ts';

/** Its statements run as operators write them. */
const sqlAsWritten = 'test/integration/ledger.operator-queries.test.ts';

const statement =
  /^\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|SET|WITH)\s+\S/;
const clause = /\b(?:ORDER BY|GROUP BY|(?:INNER|LEFT|CROSS) JOIN|ON CONFLICT|FROM [a-z_."]+ WHERE)\b/;

/** Whether a node is spelled in the way that we do not use. */
const rules = {
  /** Of the two ways to hide a member, the one that the running program knows too; a constructor has no other. */
  'a hidden member is #': (node: ts.Node) =>
    (node.kind === ts.SyntaxKind.PrivateKeyword || node.kind === ts.SyntaxKind.ProtectedKeyword) &&
    !ts.isConstructorDeclaration(node.parent),
  'a test is it': (node: ts.Node) =>
    ts.isImportSpecifier(node) &&
    (node.propertyName ?? node.name).text === 'test' &&
    node.parent.parent.parent.moduleSpecifier.getText() === "'vitest'",
  'SQL is lower case': (node: ts.Node) =>
    (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) &&
    isUpperCaseSql(node.getText().slice(1)),
} as const;
type Rule = keyof typeof rules;

function isUpperCaseSql(text: string): boolean {
  return statement.test(text) || clause.test(text);
}

const sources = readRepository().filter(({ path }) => /\.(?:ts|mjs)$/.test(path));

function breaks({ path, text }: RepositoryFile, rule: Rule): boolean {
  const found: ts.Node[] = [];
  walk(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true), (node) => {
    if (rules[rule](node)) found.push(node);
  });
  return found.length > 0;
}

// The names of the rules are the type's members.
it.each(Object.keys(rules) as Rule[])('%s', (rule) => {
  const exempt = (path: string) => path === 'test/tidy/spelling.test.ts' || path === sqlAsWritten;
  const found = sources.filter(
    (file) => breaks(file, rule) && !(rule === 'SQL is lower case' && exempt(file.path)),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

it.each<[Rule, string]>([
  ['a hidden member is #', 'class A { private readonly b = 1; }'],
  ['a hidden member is #', 'class A { protected b(): void {} }'],
  ['a hidden member is #', 'class A { constructor(private b: number) {} }'],
  ['a test is it', "import { expect, test } from 'vitest';"],
  ['a test is it', "import { test as it } from 'vitest';"],
  ['SQL is lower case', "await client.query('SELECT 1 from t');"],
  ['SQL is lower case', 'query(`\n  INSERT INTO $' + '{table} values (1)`);'],
  ['SQL is lower case', 'query(`select a from t ORDER BY a`);'],
])('%s: another spelling is found in %s', (rule, text) => {
  expect(breaks({ path: 'planted.ts', text }, rule)).toBe(true);
});

it.each<[Rule, string]>([
  ['a hidden member is #', 'class A { private constructor() {} #b = 1; }'],
  ['a test is it', "import { it } from 'vitest'; if (/x/.test('x')) it('a test(', () => {});"],
  [
    'SQL is lower case',
    "// SELECT 1 from t\nconst sql = 'select 1 from t'; const state = 'COMMIT did not take effect';",
  ],
])('%s: nothing is found in %s', (rule, text) => {
  expect(breaks({ path: 'planted.ts', text }, rule)).toBe(false);
});
