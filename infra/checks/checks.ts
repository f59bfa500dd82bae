import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Preflight } from 'cdk-preflight';

/** Rules of cdk-preflight that are wrong for us, each with why. */
const excluded = {
  // It takes every mapping without the ARN of a source for one of a queue; ours of the local stage is Kafka's.
  'pf-lambda-esm-sqs-minimum-pollers-min': 'One poller is the least that Kafka’s mappings take.',
};

/** Ends the synthesis with exit code 1 where a template is unsafe and nobody says why, or fails when it is deployed. */
export function addChecks(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  Preflight.apply(app, { exclude: Object.keys(excluded) });
}
