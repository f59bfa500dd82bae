/** How a TypeScript entry becomes what Lambda runs. */
import { copyFileSync, globSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AssetHashType, DockerImage, aws_lambda as lambda } from 'aws-cdk-lib';
import { type BuildOptions, buildSync } from 'esbuild';

export const repositoryRoot = join(import.meta.dirname, '..', '..');

/**
 * The modules of ours that open files beside themselves, by `import.meta.url`: which files these are, and the folder
 * of a bundle in which the module finds them. A bundle that contains the module gets the files.
 */
export const filesBeside: Readonly<Record<string, { readonly from: string; readonly to: string }>> = {
  'shared/ledger/postgres/sql.ts': { from: 'shared/ledger/postgres/sql/*.sql', to: 'sql' },
  'shared/segments/redis/segment-store.ts': { from: 'shared/segments/redis/*.lua', to: '.' },
  'shared/segments/redis/request-counter.ts': {
    from: 'shared/segments/redis/count-request-1.lua',
    to: '.',
  },
  'migrations/migrate.ts': { from: 'migrations/[0-9][0-9][0-9]_*.sql', to: '.' },
};

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
export function bundledCode(entry: string): lambda.Code {
  return lambda.Code.fromAsset(join(repositoryRoot, dirname(entry)), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Never pulled: the local bundling below always succeeds or throws.
      image: DockerImage.fromRegistry('none'),
      // Staging is cached by folder and these options, so that two entries of one folder must differ here.
      command: [entry],
      local: {
        tryBundle: (output) => {
          bundle(entry, output);
          return true;
        },
      },
    },
  });
}

/**
 * Writes `index.mjs`, its source map, and the files that its modules open beside themselves. Returns the modules, by
 * path from the root of the repository.
 */
// Same type: a file that is read and a folder that is written; the first bundle fails.
export function bundle(entry: string, output: string): readonly string[] {
  const { metafile } = buildSync({
    ...settings,
    absWorkingDir: repositoryRoot,
    entryPoints: [entry],
    outfile: join(output, 'index.mjs'),
    metafile: true,
    logLevel: 'error',
  });
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  for (const { from, to } of modules.flatMap((path) => filesBeside[path] ?? [])) {
    const folder = join(output, to);
    mkdirSync(folder, { recursive: true });
    const found = globSync(from, { cwd: repositoryRoot });
    if (found.length === 0) throw new Error(`${entry} needs ${from}, and there is none`);
    for (const path of found) copyFileSync(join(repositoryRoot, path), join(folder, basename(path)));
  }
  return modules;
}
