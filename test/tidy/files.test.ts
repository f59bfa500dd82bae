import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commands } from '../../odometer.ts';
import { readRepository } from './repository.ts';

const files = readRepository();
const sources = files.filter(({ path }) => /\.(?:ts|mjs)$/.test(path));
const program = 'localstack/start.mjs';
const textOf = (path: string) => files.find((file) => file.path === path)?.text ?? '';

it('no folder is called after nothing in particular', () => {
  const vague = /(?:^|\/)(?:utils?|helpers?|common|misc|types)\//;
  expect(files.map(({ path }) => path).filter((path) => vague.test(path))).toEqual([]);
});

it('file names are kebab-case', () => {
  const kebab = /^[a-z0-9]+(?:[-.][a-z0-9]+)*$/;
  const names = sources.map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
  expect(names.filter((name) => !kebab.test(name))).toEqual([]);
});

it('no file names a path of a machine or the host of a package registry', () => {
  const machine = new RegExp(
    ['/(?:home|Users|root|work)/', 'registry\\.[a-z]+js?\\.org', 'pypi\\.org'].join('|'),
  );
  const found = files.filter(({ text, path }) => path !== 'test/tidy/files.test.ts' && machine.test(text));
  expect(found.map(({ path }) => path)).toEqual([]);
});

it('every environment variable that code reads is a constant of the contracts', () => {
  const declared = new Set(
    [...textOf('shared/contracts/env.ts').matchAll(/= '([A-Z_]+)'/g)].map(([, name]) => name),
  );
  expect(declared.size).toBeGreaterThan(10);
  const read = /(?:process\.env|\benvironment|\benv)(?:\.|\[')([A-Z][A-Z0-9_]+)/g;
  const systems = new Set(['PATH', 'HOME', 'JAVA_HOME']);
  const strays = sources
    .filter(({ path }) => !path.startsWith('test/tidy/'))
    .flatMap(({ path, text }) => [...text.matchAll(read)].map(([, name]) => ({ path, name })))
    .filter(({ name }) => !declared.has(name) && !systems.has(name ?? ''));
  expect(strays).toEqual([]);
});

it('a Lua script is short and says what its KEYS and ARGV are', () => {
  for (const { path, text } of files.filter((file) => file.path.endsWith('.lua'))) {
    expect.soft(text.split('\n').length, path).toBeLessThanOrEqual(60);
    expect.soft(text, path).toMatch(/^--[\s\S]*KEYS[\s\S]*ARGV/);
  }
});

it('every npm command in the documents exists', () => {
  const scripts = new Set(Object.keys(JSON.parse(textOf('package.json')).scripts));
  const documents = files.filter(({ path }) => path.endsWith('.md'));
  const named = documents.flatMap(({ text }) => [
    ...[...text.matchAll(/npm run ([a-z:-]+)/g)].map(([, name]) => name),
    ...[...text.matchAll(/npm (start|stop|test)\b/g)].map(([, name]) => name),
  ]);
  expect(named.filter((name) => name === undefined || !scripts.has(name))).toEqual([]);
});

it('every command of odometer in a document, a comment or a message exists', () => {
  const verbs = new Set(commands.map(([verb]) => verb));
  const named = files.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:`|npx )odometer ([a-z]+)/g)].map(([, verb = '']) => ({ path, verb })),
  );
  expect(named.length).toBeGreaterThan(verbs.size);
  expect(named.filter(({ verb }) => !verbs.has(verb))).toEqual([]);
});

it('every npm script but the checks is a command of odometer of its own name', () => {
  const { scripts, bin } = JSON.parse(textOf('package.json'));
  const { check, format, ...others } = scripts;
  expect([check, format, bin.odometer]).toEqual([expect.any(String), expect.any(String), program]);
  expect(others).toEqual(Object.fromEntries(commands.map(([verb]) => [verb, `node ${program} ${verb}`])));
});

it('every file that a document links to exists', () => {
  const links = files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(
        ([, to = '']) => new URL(to, `file:///${path}`).pathname,
      ),
    );
  const root = new URL('../../', import.meta.url);
  expect(links.filter((link) => !existsSync(new URL(`.${link}`, root)))).toEqual([]);
});
