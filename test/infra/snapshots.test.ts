import { join } from 'node:path';
import { expect, it } from 'vitest';
import { local } from '../../infra/config/local.ts';
import { production } from '../../infra/config/production.ts';
import { templateOf } from './synthesize.ts';

const cases = [
  ...['Network', 'Evidence', 'Data', 'App', 'Monitoring'].map((stack) => ({ stage: production, stack })),
  ...['Data', 'App', 'Monitoring'].map((stack) => ({ stage: local, stack })),
].map(({ stage, stack }) => ({ stage, stack, name: `${stage.name}-${stack.toLowerCase()}` }));

/** Hashes of code and migrations change with every commit and say nothing about the stacks. */
function scrub(template: unknown): string {
  return `${JSON.stringify(template, null, 1)
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'HASH')
    .replaceAll(/CurrentVersion([0-9A-F]{8})[0-9a-f]{32}/g, 'CurrentVersion$1HASH')}\n`;
}

/** A diff here is read like code: `npm test -- infra -u` writes the new one. */
it.each(cases)('the template of $name is the reviewed one', async ({ stage, stack, name }) => {
  const file = join(import.meta.dirname, 'snapshots', `${name}.json`);
  await expect(scrub(templateOf(stage, stack).toJSON())).toMatchFileSnapshot(file);
});
