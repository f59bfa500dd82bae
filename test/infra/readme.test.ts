/** The table "What is deployed" of the deploying guide names the stacks and functions that there are. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { production } from '../../infra/config/production.ts';
import { synthesize, templateOf } from './synthesize.ts';

const guide = readFileSync(join(import.meta.dirname, '../../infra/README.md'), 'utf8');
const rows = [...guide.matchAll(/^\| `Odometer-STAGE-(\w+)` \| ([^|]+) \|/gm)].map(
  ([, stack = '', holds = '']) => ({ stack, holds: holds.split(', ') }),
);

it('it has a row for every stack', () => {
  expect(rows.map(({ stack }) => stack).sort()).toEqual([...synthesize(production).templates.keys()].sort());
});

it('the README of the repository counts the stacks', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  const numbers = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
  const said = /^(\w+) stacks: (.+)\n(.+)\n/m.exec(readme);
  expect(said?.[1]?.toLowerCase()).toBe(numbers[rows.length]);
  for (const { stack } of rows) expect(`${said?.[2]} ${said?.[3]}`).toContain(stack.toLowerCase());
});

it('the row of the App stack names every function in it', () => {
  const ids = Object.keys(templateOf(production, 'App').findResources('AWS::Lambda::Function'));
  // Functions of the stack itself; those of custom resources are inside a construct and have two names.
  const functions = ids.flatMap(
    (id) => /^([A-Z][a-z]+)Function[0-9A-F]{8}$/.exec(id)?.[1]?.toLowerCase() ?? [],
  );
  expect(functions).toHaveLength(9);
  const [api, ...named] = rows.find(({ stack }) => stack === 'App')?.holds ?? [];
  expect(api).toBe('HTTP API');
  expect(named.sort()).toEqual(functions.sort());
});
