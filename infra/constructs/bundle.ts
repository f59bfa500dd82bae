/** How a TypeScript entry becomes what Lambda runs. */
import { join } from 'node:path';
import { type BundlingOptions, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** Files that code opens beside itself by `import.meta.url`: where they lie, and where a bundle has them. */
const travelling = {
  /** `shared/adapters/postgres/sql.ts` reads `./sql/NAME.sql`. */
  statements: { from: 'shared/adapters/postgres/sql/*.sql', to: 'sql' },
  /** `shared/adapters/redis/segment-store.ts` reads `NAME.lua`. */
  scripts: { from: 'shared/adapters/redis/*.lua', to: '.' },
  /** `migrations/migrate.ts` lists its own folder. */
  migrations: { from: 'migrations/[0-9][0-9][0-9]_*.sql', to: '.' },
} as const;

export type Travelling = keyof typeof travelling;

/**
 * ESM with a `require` for the packages that still call it; the SDK is bundled, so that what was tested is what
 * runs. Never `--conditions=import`: pg-pool then meets its ESM wrapper inside require() and breaks at start.
 */
export function bundlingOf(files: readonly Travelling[]): BundlingOptions {
  return {
    format: OutputFormat.ESM,
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    sourceMap: true,
    sourcesContent: false,
    bundleAwsSDK: true,
    banner: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
    commandHooks: {
      beforeInstall: () => [],
      beforeBundling: () => [],
      afterBundling: (root, output) => files.flatMap((kind) => copyCommands(root, output, kind)),
    },
  };
}

function copyCommands(root: string, output: string, kind: Travelling): string[] {
  const { from, to } = travelling[kind];
  return [`mkdir -p "${output}/${to}"`, `cp "${root}"/${from} "${output}/${to}/"`];
}
