import type { App, StackProps } from 'aws-cdk-lib';
import { assertCapacity } from '../config/capacity.ts';
import { assertStage, type Stage } from '../config/stage.ts';
import type { DataPlane } from '../data-plane/data-plane.ts';
import { AppStack } from './app.ts';
import { DataStack } from './data.ts';
import { EvidenceStack } from './evidence.ts';
import { ExternalDataStack } from './external-data.ts';
import { MonitoringStack } from './monitoring.ts';
import { NetworkStack } from './network.ts';

/**
 * The stacks of one stage. At the `first` deployment nothing is protected yet: CloudFormation takes away what it made
 * when a creation fails, and a protected cluster would stop that and be in the way of the next attempt.
 */
export function addStacks(app: App, stage: Stage, { first }: { readonly first: boolean }): void {
  assertStage(stage);
  assertCapacity(stage.capacity);
  const isProtected = stage.data.kind === 'managed' && stage.data.keepData && !first;
  const prefix = `Odometer-${stage.name}`;
  const props: StackProps = {
    env: { region: stage.region, ...(stage.account === undefined ? {} : { account: stage.account }) },
    terminationProtection: isProtected,
    tags: { project: 'odometer', stage: stage.name },
  };
  const data = addDataPlane(app, stage, prefix, props);
  const { functions, pollers, api } = new AppStack(app, `${prefix}-App`, { ...props, stage, data });
  const watched = { stage, functions, pollers, api, data: data.vitals };
  new MonitoringStack(app, `${prefix}-Monitoring`, { ...props, ...watched });
}

/** The one place that decides who runs the data plane. */
function addDataPlane(app: App, stage: Stage, prefix: string, props: StackProps): DataPlane {
  const { data } = stage;
  if (data.kind === 'external')
    return new ExternalDataStack(app, `${prefix}-Data`, { ...props, stage, data }).plane;
  const network = new NetworkStack(app, `${prefix}-Network`, {
    ...props,
    data,
    countsRequests: stage.callerRequestsPerSecond !== undefined,
  });
  const evidence = new EvidenceStack(app, `${prefix}-Evidence`, { ...props, data });
  return new DataStack(app, `${prefix}-Data`, { ...props, stage, data, network, evidence }).plane;
}
