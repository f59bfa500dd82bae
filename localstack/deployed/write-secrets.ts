/** Fills the secrets of a stage whose servers run elsewhere, from a file; its App stack is deployed after that. */
import { readFileSync } from 'node:fs';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Command } from 'commander';
import { z } from 'zod';
import { type SecretVariable, secretNames, stageSecretName } from '../../shared/contracts/env.ts';
import { say } from '../screen.ts';
import { runStandIn } from './stand-in.ts';

await runStandIn(
  new Command('write-secrets')
    .description('Writes addresses and keys into the secrets of a deployed Data stack.')
    .argument('<file>', `JSON of ${Object.values(secretNames).join(', ')}`)
    .option('--stage <name>', 'the stage', 'local')
    .action(writeSecrets),
);

async function writeSecrets(file: string, { stage }: { readonly stage: string }): Promise<void> {
  const values = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(file, 'utf8')));
  const client = new SecretsManagerClient({});
  // The keys of `secretNames` are the type's members.
  const variables = Object.keys(secretNames) as SecretVariable[];
  const missing = variables.map((variable) => secretNames[variable]).filter((name) => !(name in values));
  if (missing.length > 0) throw new Error(`${file} lacks ${missing.join(', ')}`);
  for (const variable of variables) {
    const name = stageSecretName(stage, variable);
    await client.send(
      new PutSecretValueCommand({ SecretId: name, SecretString: values[secretNames[variable]] }),
    );
    say(`${name} is written`);
  }
}
