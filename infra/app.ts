/** The CDK app: `npx cdk deploy --all --context stage=production`. Guide: infra/README.md. */
import { App } from 'aws-cdk-lib';
import { addChecks } from './checks/checks.ts';
import { stageNamed } from './config/stages.ts';
import { addStacks } from './stacks/add-stacks.ts';

const app = new App();
addChecks(app);
addStacks(app, stageNamed(app.node.tryGetContext('stage')), {
  first: app.node.tryGetContext('first') === 'true',
});
