import { CustomResource, Duration, aws_iam as iam } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { NodeFunction } from './node-function.ts';

/** The cluster's addresses for IAM, looked up at deploy: CloudFormation has no attribute for them. */
export class BootstrapBrokers extends Construct {
  /** `host:port,host:port,…` */
  readonly servers: string;

  // Same type: `scope, id` is how every construct begins.
  constructor(scope: Construct, id: string, clusterArn: string) {
    super(scope, id);
    const { fn } = new NodeFunction(this, 'Lookup', {
      entry: 'infra/deploy/bootstrap-brokers.ts',
      memoryMb: 256,
      timeout: Duration.minutes(1),
      description: 'At deploy: the addresses of the log’s brokers',
    });
    fn.addToRolePolicy(
      new iam.PolicyStatement({ actions: ['kafka:GetBootstrapBrokers'], resources: [clusterArn] }),
    );
    const lookup = new CustomResource(this, 'Addresses', {
      serviceToken: fn.functionArn,
      resourceType: 'Custom::BootstrapBrokers',
      serviceTimeout: Duration.minutes(5),
      properties: { ClusterArn: clusterArn },
    });
    this.servers = lookup.getAttString('Servers');
  }
}
