/** `npm run operate -- VERB`: what an operator does on AWS by invoking the operator function, in process here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { start } from '../functions/operator/handler.ts';
import type { Endpoints } from '../shared/contracts/endpoints.ts';
import {
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_LOG_LEVEL,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
} from '../shared/contracts/env.ts';
import type { Environment } from '../shared/runtime/config.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import { startForOnce } from '../shared/runtime/process/function-start.ts';
import { readJson } from './processes/atomic-file.ts';
import { UserError } from './processes/user-error.ts';
import { ownerLogin } from './servers/provision.ts';
import { loadSecrets } from './servers/secrets.ts';
import { twinSettings } from './settings.ts';

const endpointsSchema: z.ZodType<Pick<Endpoints, 'kafka' | 'shards'>> = z.object({
  kafka: z.string(),
  shards: z.array(z.string()),
});
const verdictsSchema = z.array(z.object({ bad: z.array(z.unknown()) }));
const headsSchema = z.object({ heads: z.array(z.unknown()) });
const exitCodes = { done: 0, failed: 1, found: 2 } as const;

const program = new Command('operate').description(
  'Operates the local twin that runs in the data directory.',
);

program
  .command('migrate')
  .description('bring every shard to the newest schema')
  .action(() => run({ verb: 'migrate' }));
program
  .command('halts')
  .description('list the partitions that are halted, and why')
  .action(() => run({ verb: 'halts' }));
program
  .command('verify')
  .description(
    `recompute the proof of every commit; exit code ${exitCodes.found} names what was tampered with`,
  )
  .option('--heads <file>', 'lines of the flusher’s log; the heads in them must be in the chains', readHeads)
  .action(({ heads = [] }: { heads?: readonly unknown[] }) => run({ verb: 'verify', heads }));
program
  .command('quarantine')
  .description('list the newest quarantined records of each shard')
  .option('--rows <rows>', 'of each shard', toInteger, 100)
  .action(({ rows }: { rows: number }) => run({ verb: 'quarantine', rows }));
program
  .command('resume')
  .description('lift the halt of a partition; the decision is kept with who and why')
  .argument('<partition>', 'as `halts` lists it', toInteger)
  .requiredOption('--by <who>', 'who decided')
  .requiredOption('--why <reason>', 'why it is right to go on')
  .option('--skip-to <offset>', 'give up the records below this offset', toInteger)
  .option('--restart-at <offset>', 'a new log starts at this offset; needs --topic-id', toInteger)
  .option('--topic-id <id>', 'identity of the new log')
  .action((partition: number, options: ResumeOptions) => run(toResume(partition, options)));

interface ResumeOptions {
  readonly by: string;
  readonly why: string;
  readonly skipTo?: number;
  readonly restartAt?: number;
  readonly topicId?: string;
}

function toResume(partition: number, { by, why, skipTo, restartAt, topicId }: ResumeOptions): object {
  if (skipTo !== undefined && restartAt !== undefined) {
    throw new UserError('--skip-to and --restart-at are two decisions: give one.');
  }
  const resume = { verb: 'resume', partition, by, why };
  if (skipTo !== undefined) return { ...resume, action: { kind: 'skip', offset: skipTo } };
  if (restartAt !== undefined) return { ...resume, action: { kind: 'restart', offset: restartAt, topicId } };
  return resume;
}

async function run(event: object): Promise<void> {
  const answer = await startForOnce('operator', twinEnvironment(), start, (operate) => operate(event));
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  const verdicts = verdictsSchema.safeParse(answer);
  if (verdicts.data?.some(({ bad }) => bad.length > 0) === true) process.exitCode = exitCodes.found;
}

/** The addresses of the twin that runs, as an operator's Lambda would be told them. */
function twinEnvironment(): Environment {
  const { dataDir } = twinSettings();
  const endpoints = endpointsSchema.safeParse(readJson(join(dataDir, 'endpoints.json')));
  if (!endpoints.success) throw new UserError(`No twin runs in ${dataDir}: start one with npm start.`);
  const password = loadSecrets(dataDir)[`${ownerLogin}-password`];
  const ownerUrls = endpoints.data.shards.map((text) => {
    const url = new URL(text);
    url.username = ownerLogin;
    url.password = password;
    return url.href;
  });
  return {
    [ENV_LOG_LEVEL]: 'warn',
    ...processEnvironment(),
    [ENV_KAFKA_BOOTSTRAP_SERVERS]: endpoints.data.kafka,
    [ENV_SHARD_OPERATOR_URLS]: endpoints.data.shards.join(','),
    [ENV_SHARD_OWNER_URLS]: ownerUrls.join(','),
  };
}

/** Every head of the lines `ledger heads`; what else the log holds is passed over. */
function readHeads(file: string): readonly unknown[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const heads = lines
    .filter((line) => line.includes('"ledger heads"'))
    .flatMap((line) => headsSchema.parse(JSON.parse(line)).heads);
  if (heads.length > 0) return heads;
  throw new InvalidArgumentError('It has no line "ledger heads", which the flusher writes once a minute.');
}

function toInteger(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCodes.failed;
});
