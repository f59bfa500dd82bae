import type { App, StackProps } from 'aws-cdk-lib';
import { assertCapacity } from '../config/capacity.ts';
import type { Stage } from '../config/stage.ts';
import type { DataPlane } from '../data-plane/data-plane.ts';
import { AppStack } from './app.ts';
import { DataStack } from './data.ts';
import { ExternalDataStack } from './external-data.ts';
import { MonitoringStack } from './monitoring.ts';
import { NetworkStack } from './network.ts';

/** The stacks of one stage. The account is whoever deploys. */
export function addStacks(app: App, stage: Stage): void {
  assertCapacity(stage.capacity);
  const prefix = `Odometer-${stage.name}`;
  const props: StackProps = {
    env: { region: stage.region },
    tags: { project: 'odometer', stage: stage.name },
  };
  const data = addDataPlane(app, stage, prefix, props);
  const { functions, api } = new AppStack(app, `${prefix}-App`, { ...props, stage, data });
  const watched = { stage, functions, api, data: data.vitals };
  new MonitoringStack(app, `${prefix}-Monitoring`, { ...props, ...watched });
}

/** The one place that decides who runs the data plane. */
function addDataPlane(app: App, stage: Stage, prefix: string, props: StackProps): DataPlane {
  const { data } = stage;
  if (data.kind === 'external')
    return new ExternalDataStack(app, `${prefix}-Data`, { ...props, stage, data }).plane;
  const network = new NetworkStack(app, `${prefix}-Network`, { ...props, data });
  return new DataStack(app, `${prefix}-Data`, { ...props, stage, data, network }).plane;
}
