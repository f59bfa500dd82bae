/** What Lambda would load: each bundle is made, imported by a plain Node process, and asked for its handler. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, filesBeside, repositoryRoot } from '../../infra/bundling/bundle.ts';

const output = mkdtempSync(join(tmpdir(), 'odometer-bundles-'));
afterAll(() => rmSync(output, { recursive: true, force: true }));

const filesOf = (pattern: string) => globSync(pattern, { cwd: repositoryRoot }).sort();
const textOf = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const entries = filesOf('{functions/*,infra/deploy,infra/evidence}/*.ts').filter((path) =>
  /^export (?:const|(?:async )?function) handler\b/m.test(textOf(path)),
);
const megabyte = 1024 * 1024;

it('every function and every custom resource has a bundle, and what keeps the heads', () => {
  expect(entries).toHaveLength(9 + 2 + 1);
});

describe.each(entries)('%s', (entry) => {
  const folder = join(output, entry.replaceAll(/\W/g, '-'));
  let modules: readonly string[];
  beforeAll(() => {
    modules = bundle(entry, folder);
  });

  it('becomes a bundle that loads its statements and scripts, and exports a handler', () => {
    const script = "const { handler } = await import('./index.mjs'); process.stdout.write(typeof handler)";
    const options = { cwd: folder, encoding: 'utf8', env: {} } as const;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], options)).toBe('function');
    expect(statSync(join(folder, 'index.mjs')).size).toBeLessThan(3 * megabyte);
  });

  it('has the files of every module of ours that opens files beside itself', () => {
    const ours = modules.filter((path) => !path.startsWith('node_modules/'));
    expect(ours).toContain(entry);
    const opening = ours.filter((path) => textOf(path).includes('import.meta'));
    expect(opening.filter((path) => !(path in filesBeside))).toEqual([]);
  });
});

it('the operator’s bundle holds every migration, which it reads only when it migrates', () => {
  const found = readdirSync(join(output, 'functions-operator-handler-ts'));
  const migrations = filesOf('migrations/[0-9]*.sql').map((path) => basename(path));
  expect(migrations.length).toBeGreaterThan(5);
  expect(found.filter((name) => /^\d{3}_\w+\.sql$/.test(name)).sort()).toEqual(migrations);
});
