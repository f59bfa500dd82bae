/** What the two stand-ins have in common: which deployment they belong to. */
import { Command } from 'commander';
import { sayFailure } from '../screen.ts';

export interface DeployedOptions {
  readonly stack: string;
  readonly template: string;
}

/** A command with the options of every stand-in. */
// Same type: a word and a sentence.
export function standIn(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--stack <name>', 'the deployed App stack', 'Odometer-local-App')
    .option('--template <file>', 'its synthesized template', 'cdk.out/Odometer-local-App.template.json')
    .addHelpText('after', '\nAWS_ENDPOINT_URL, AWS_REGION and credentials as for the AWS command line.');
}

/** Runs it; a failure to start is said in a sentence and is exit code 1. */
export async function runStandIn(command: Command): Promise<void> {
  try {
    await command.parseAsync();
  } catch (error) {
    sayFailure(error);
    process.exit(1);
  }
}
