/** How a TypeScript entry becomes what Lambda runs. */
import { copyFileSync, globSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AssetHashType, DockerImage, aws_lambda as lambda } from 'aws-cdk-lib';
import { type BuildOptions, buildSync } from 'esbuild';

export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** Files that code opens beside itself by `import.meta.url`: where they lie, and where a bundle has them. */
const travelling = {
  /** `shared/ledger/postgres/sql.ts` reads `./sql/NAME.sql`. */
  statements: { from: 'shared/ledger/postgres/sql/*.sql', to: 'sql' },
  /** `shared/segments/redis/segment-store.ts` reads `NAME.lua`. */
  scripts: { from: 'shared/segments/redis/*.lua', to: '.' },
  /** `migrations/migrate.ts` lists its own folder. */
  migrations: { from: 'migrations/[0-9][0-9][0-9]_*.sql', to: '.' },
} as const;

export type Travelling = keyof typeof travelling;

/**
 * ESM with a `require` for the packages that still call it; the SDK is bundled, so that what was tested is what
 * runs. Never `conditions: ['import']`: pg-pool then meets its ESM wrapper inside require() and breaks at start.
 */
const settings: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  // The Kafka reader's checksums: by default the package opens a .wasm file that no bundle has beside it.
  alias: { '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled' },
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
};

/** The bundle of an entry, made in this process: no shell, no container, a quarter of a second. */
export function bundledCode(entry: string, files: readonly Travelling[]): lambda.Code {
  return lambda.Code.fromAsset(join(repositoryRoot, dirname(entry)), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Never pulled: the local bundling below always succeeds or throws.
      image: DockerImage.fromRegistry('none'),
      // Staging is cached by folder and these options, so that two entries of one folder must differ here.
      command: [entry, ...files],
      local: {
        tryBundle: (output) => {
          bundle(entry, files, output);
          return true;
        },
      },
    },
  });
}

/** Writes `index.mjs`, its source map and the files that travel with it. */
export function bundle(entry: string, files: readonly Travelling[], output: string): void {
  buildSync({
    ...settings,
    absWorkingDir: repositoryRoot,
    entryPoints: [entry],
    outfile: join(output, 'index.mjs'),
    logLevel: 'error',
  });
  for (const { from, to } of files.map((kind) => travelling[kind])) {
    const folder = join(output, to);
    mkdirSync(folder, { recursive: true });
    const found = globSync(from, { cwd: repositoryRoot });
    if (found.length === 0) throw new Error(`${entry} needs ${from}, and there is none`);
    for (const path of found) copyFileSync(join(repositoryRoot, path), join(folder, basename(path)));
  }
}
