import { CustomResource, Duration, aws_iam as iam } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Capacity } from '../config/capacity.ts';
import { NodeFunction } from './node-function.ts';

export interface BootstrapBrokersProps {
  /** The cluster whose addresses are looked up. */
  readonly clusterArn: string;
  /** Number and type of its brokers. */
  readonly capacity: Capacity['log'];
  /** What the brokers run. */
  readonly kafkaVersion: string;
}

/** The cluster's addresses for IAM, looked up at deploy: CloudFormation has no attribute for them. */
export class BootstrapBrokers extends Construct {
  /** `host:port,host:port,…` */
  readonly servers: string;

  constructor(scope: Construct, id: string, { clusterArn, capacity, kafkaVersion }: BootstrapBrokersProps) {
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
      // Looked up again where brokers are added, or replaced by others.
      properties: {
        ClusterArn: clusterArn,
        Brokers: capacity.brokers,
        BrokerType: capacity.brokerType,
        KafkaVersion: kafkaVersion,
      },
    });
    this.servers = lookup.getAttString('Servers');
  }
}
