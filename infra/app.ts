/** The CDK app: `npx cdk deploy --all --context stage=production`. Guide: infra/README.md. */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { stageNamed } from './config/stages.ts';
import { addStacks } from './stacks/add-stacks.ts';

const app = new App();
// A finding that no acknowledgement names ends the synthesis with exit code 1.
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
addStacks(app, stageNamed(app.node.tryGetContext('stage')));
