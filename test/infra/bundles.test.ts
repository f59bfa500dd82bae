/** What Lambda would load: each bundle is made, imported by a plain Node process, and asked for its handler. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { bundle, repositoryRoot, type Travelling } from '../../infra/bundling/bundle.ts';

const output = mkdtempSync(join(tmpdir(), 'odometer-bundles-'));
afterAll(() => rmSync(output, { recursive: true, force: true }));

const bundles: readonly { readonly entry: string; readonly files: readonly Travelling[] }[] = [
  { entry: 'functions/ingest/handler.ts', files: [] },
  { entry: 'functions/consumer/handler.ts', files: ['scripts'] },
  { entry: 'functions/flusher/handler.ts', files: ['statements', 'scripts'] },
  { entry: 'functions/query/handler.ts', files: ['statements', 'scripts'] },
  { entry: 'functions/metrics/handler.ts', files: ['statements', 'scripts'] },
  { entry: 'functions/operator/handler.ts', files: ['statements', 'migrations'] },
  { entry: 'functions/authorizer/handler.ts', files: [] },
  { entry: 'infra/deploy/bootstrap-brokers.ts', files: [] },
  { entry: 'infra/deploy/migrate-shards.ts', files: [] },
];
const present = bundles.filter(({ entry }) => existsSync(join(repositoryRoot, entry)));
const megabyte = 1024 * 1024;

it.each(present)('$entry becomes a bundle that loads and exports a handler', ({ entry, files }) => {
  const folder = join(output, entry.replaceAll(/\W/g, '-'));
  bundle(entry, files, folder);
  const script = "const { handler } = await import('./index.mjs'); process.stdout.write(typeof handler)";
  const options = { cwd: folder, encoding: 'utf8', env: {} } as const;
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], options)).toBe('function');
  expect(statSync(join(folder, 'index.mjs')).size).toBeLessThan(3 * megabyte);
});

it('the operator’s bundle holds every migration, and the flusher’s every statement and script', () => {
  const operator = readdirSync(join(output, 'functions-operator-handler-ts'));
  const migrations = globSync('migrations/[0-9]*.sql', { cwd: repositoryRoot });
  expect(operator.filter((name) => /^\d{3}_\w+\.sql$/.test(name))).toHaveLength(migrations.length);
  const flusher = join(output, 'functions-flusher-handler-ts');
  expect(readdirSync(join(flusher, 'sql'))).toContain('begin-range.sql');
  expect(readdirSync(flusher)).toContain('append-segment-3.lua');
});
