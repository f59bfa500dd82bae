/** The folders of functions/ have one shape: who knows one knows all. */
import { expect, it } from 'vitest';
import { importsOf, type RepositoryFile, readRepository } from './repository.ts';

const pattern = /^functions\/(\w+)\/([\w-]+)\.ts$/;
const folders = Map.groupBy(
  readRepository().filter(({ path }) => pattern.test(path)),
  ({ path }) => pattern.exec(path)?.[1] ?? '',
);

/** Everything about a folder that is not as in the others. */
function oddities(name: string, files: readonly RepositoryFile[]): readonly string[] {
  const nameOf = ({ path }: RepositoryFile) => pattern.exec(path)?.[2] ?? '';
  const textOf = (file: string) => files.find((each) => nameOf(each) === file)?.text ?? '';
  const handler = textOf('handler');
  const own = files.filter((file) => !['handler', 'config'].includes(nameOf(file)));
  const rules: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [handler.startsWith(`/** Lambda \`${name}\`: `), 'handler.ts does not say on its first line what it is'],
    [/^export function build\(/m.test(handler), 'handler.ts exports no build'],
    [/^(?:export )?async function start\(/m.test(handler), 'handler.ts has no start'],
    [/^export (?:async function|function|const) handler\b/m.test(handler), 'handler.ts exports no handler'],
    [
      new RegExp(`^export const ${name}Config = `, 'm').test(textOf('config')),
      `config.ts exports no ${name}Config`,
    ],
    [
      !/\bENV_JWT_SECRET\b|\bsegmentKeyConfig\b/.test(textOf('config')) || handler.includes('loadAndWatch('),
      'no server checks its key, and handler.ts does not read it again',
    ],
    [own.some((file) => isUseCase(nameOf(file), file.text)), 'no file is a use case, named verb-noun'],
    ...own
      .filter((file) => isTranslation(file) && !/^(?:from|to|read)-/.test(nameOf(file)))
      .map((file) => [false, `${nameOf(file)}.ts knows the edge, so it is a from-, to- or read-`] as const),
  ];
  return rules.filter(([holds]) => !holds).map(([, otherwise]) => `${name}: ${otherwise}`);
}

/** `accept-events.ts` exports `acceptEvents`, or `createAcceptEvents` where it remembers something. */
function isUseCase(name: string, text: string): boolean {
  if (!/^[a-z]+-[a-z-]+$/.test(name) || /^(?:from|to|read)-/.test(name)) return false;
  const pascal = name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const camel = pascal.slice(0, 1).toLowerCase() + pascal.slice(1);
  return new RegExp(`^export (?:async )?function (?:${camel}|create${pascal})\\b`, 'm').test(text);
}

/** It speaks the edge's words: events and answers of HTTP or of AWS. */
function isTranslation(file: RepositoryFile): boolean {
  return importsOf(file).some(({ to }) => to.startsWith('shared/http/') || to === 'aws-lambda');
}

it('every function has handler, config, a use case, and translations under their names', () => {
  expect([...folders.keys()].length).toBeGreaterThan(5);
  expect([...folders].flatMap(([name, files]) => oddities(name, files))).toEqual([]);
});

it('a folder of another shape is found', () => {
  const file = (name: string, text: string) => ({ path: `functions/odd/${name}.ts`, text });
  const http = "import type { HttpEvent } from '../../shared/http/stack.ts';\n";
  expect(oddities('odd', [file('handler', 'export const handler = 1;'), file('event-reader', http)])).toEqual(
    [
      'odd: handler.ts does not say on its first line what it is',
      'odd: handler.ts exports no build',
      'odd: handler.ts has no start',
      'odd: config.ts exports no oddConfig',
      'odd: no file is a use case, named verb-noun',
      'odd: event-reader.ts knows the edge, so it is a from-, to- or read-',
    ],
  );
  expect(isUseCase('accept-events', 'export async function acceptEvents(')).toBe(true);
  expect(isUseCase('partition-queue', 'export class PartitionQueue')).toBe(false);
});
