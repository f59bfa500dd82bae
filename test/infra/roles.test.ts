import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { local } from '../../infra/config/local.ts';
import { production } from '../../infra/config/production.ts';
import type { Stage } from '../../infra/config/stage.ts';
import { staging } from '../../infra/config/staging.ts';
import { type Grant, grantsOf } from './roles.ts';

const file = join(import.meta.dirname, '../../infra/ROLES.md');
const written = readFileSync(file, 'utf8');

const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join('<br>');
const rowOf = ({ actions, resources }: Grant) => `| ${list(actions)} | ${list(resources)} |`;
const headingOf = ({ role, assumedBy }: Grant) => `## ${role}\n\nAssumed by \`${assumedBy}\`.`;

/** The table with the reasons that the file has; a row that is new has none yet. */
function tables(grants: readonly Grant[]): string {
  const sections = new Map(written.split('\n\n## ').map((text) => [`## ${text.split('\n')[0]}`, text]));
  return [...Map.groupBy(grants, headingOf)]
    .map(([heading, ofRole]) => {
      const before = sections.get(heading.split('\n')[0] ?? '')?.split('\n') ?? [];
      const rows = ofRole.map(rowOf).map((row) => {
        const reason = before.find((line) => line.startsWith(row))?.slice(row.length) ?? '  |';
        return `${row}${reason}`;
      });
      return [heading, '', '| may | on | because |', '|---|---|---|', ...rows].join('\n');
    })
    .join('\n\n');
}

/** `npm test -- infra -u` writes rows that are gained and lost; the reasons of new ones are for us to write. */
it('every action of every role of production is the reviewed one', async () => {
  const [introduction = ''] = written.split('\n\n## ');
  await expect(`${introduction.trimEnd()}\n\n${tables(grantsOf(production))}\n`).toMatchFileSnapshot(file);
});

it('every row has its reason', () => {
  const rows = written.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(grantsOf(production).length);
  expect(rows.filter((row) => !/\| [A-Z].*\. \|$/.test(row))).toEqual([]);
});

/** Action by action, with the stage's name taken out. */
function permissionsOf(stage: Stage): ReadonlySet<string> {
  const all = grantsOf(stage).flatMap(({ role, actions, resources }) =>
    actions.flatMap((action) => resources.map((resource) => `${role} may ${action} on ${resource}`)),
  );
  return new Set(all.map((permission) => permission.replaceAll(stage.name, 'STAGE')));
}

it('staging is granted what production is, and local nothing more but the secret with the log’s address', () => {
  const reviewed = permissionsOf(production);
  expect(permissionsOf(staging)).toEqual(reviewed);
  const more = [...permissionsOf(local)].filter((permission) => !reviewed.has(permission));
  expect(more.filter((permission) => !permission.includes('STAGE/kafka-bootstrap-servers-'))).toEqual([]);
});
