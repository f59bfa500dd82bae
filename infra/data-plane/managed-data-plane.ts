import {
  aws_cloudwatch as cloudwatch,
  Duration,
  type aws_ec2 as ec2,
  aws_iam as iam,
  type aws_lambda as lambda,
  aws_logs as logs,
} from 'aws-cdk-lib';
import { ManagedKafkaEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { LambdaDestination } from 'aws-cdk-lib/aws-logs-destinations';
import { ENV_KAFKA_AUTH, ENV_KAFKA_BOOTSTRAP_SERVERS, ENV_REDIS_URL } from '../../shared/contracts/env.ts';
import { type ShardLogin, shardLogins } from '../../shared/contracts/shards.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { Capacity } from '../config/capacity.ts';
import type {
  DataPlane,
  DataVitals,
  KeyVariable,
  NetworkGroups,
  NetworkRole,
  Placement,
} from './data-plane.ts';
import { logSource } from './log-source.ts';
import type { NamedSecrets } from './named-secrets.ts';

export interface ManagedDataPlaneProps {
  /** Where functions run, and the security groups by which they reach the data. */
  readonly network: { readonly vpc: ec2.IVpc; readonly groups: NetworkGroups };
  /** Where functions find addresses, passwords and keys. */
  readonly secrets: NamedSecrets;
  /** What permissions on the log name, and how it is reached and read. */
  readonly log: {
    /** The cluster, for the right to connect. */
    readonly clusterArn: string;
    /** The topic, for the rights to read and write. */
    readonly topicArn: string;
    /** The consumer group, for the rights of the event pollers. */
    readonly groupArn: string;
    /** The brokers' addresses for IAM, separated by commas. */
    readonly servers: string;
    /** How many pollers read the log. */
    readonly capacity: Capacity['log'];
  };
  /** Takes what the flusher logs of the chains' heads. */
  readonly evidence: { readonly keeper: lambda.Function };
  /** Another text wherever an address or password may be another one. */
  readonly revision: string;
  /** What alarms and dashboard watch. */
  readonly vitals: DataVitals;
}

/** Lambda's Node.js image keeps the authorities of AWS here, those of RDS among them, and does not load them. */
const amazonAuthorities = '/var/runtime/ca-cert.pem';

/** MSK by IAM, ElastiCache and Aurora by TLS and password. */
export class ManagedDataPlane implements DataPlane {
  readonly vitals: DataVitals;
  readonly revision: string;
  readonly #props: ManagedDataPlaneProps;

  constructor(props: ManagedDataPlaneProps) {
    this.#props = props;
    this.vitals = props.vitals;
    this.revision = props.revision;
  }

  placementOf(role: NetworkRole): Placement {
    const { vpc, groups } = this.#props.network;
    return { vpc, vpcSubnets: { subnets: vpc.isolatedSubnets }, securityGroups: [groups.roles[role]] };
  }

  grantAppend(fn: lambda.Function): void {
    this.#grantLog(fn, ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData']);
  }

  grantDescribeLog(fn: lambda.Function): void {
    this.#grantLog(fn, ['kafka-cluster:DescribeTopic']);
  }

  grantReadLog(fn: lambda.Function): void {
    this.#grantLog(fn, ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData']);
  }

  consumeLog(fn: lambda.Function): readonly cloudwatch.IMetric[] {
    const { clusterArn, topicArn, groupArn, capacity } = this.#props.log;
    // The construct grants the control plane only; the pollers read the log in the function's name.
    allow(fn, ['kafka-cluster:Connect', 'kafka-cluster:DescribeClusterDynamicConfiguration'], clusterArn);
    allow(fn, ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'], topicArn);
    allow(fn, ['kafka-cluster:DescribeGroup', 'kafka-cluster:AlterGroup'], groupArn);
    allow(fn, ['kafka:DescribeClusterV2'], clusterArn);
    const source = new ManagedKafkaEventSource({ ...logSource(capacity), clusterArn });
    fn.addEventSource(source);
    const managed = 'AWSLambdaMSKExecutionRole';
    const reason = 'The event source construct attaches it; its pollers need the interfaces it describes.';
    const role = fn.role;
    if (role === undefined) throw new Error('the consumer has no role of its own');
    acknowledge(
      role,
      'Resource',
      `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/${managed}]`,
      reason,
    );
    return [pollersOf(source.eventSourceMappingId)];
  }

  grantCache(fn: lambda.Function): void {
    this.#props.secrets.grantRead(fn, ENV_REDIS_URL);
  }

  grantShards(fn: lambda.Function, login: ShardLogin): void {
    this.#props.secrets.grantRead(fn, shardLogins[login].variable);
    fn.addEnvironment('NODE_EXTRA_CA_CERTS', amazonAuthorities);
  }

  keepHeads(fn: lambda.Function): void {
    new logs.SubscriptionFilter(fn, 'Heads', {
      logGroup: fn.logGroup,
      filterPattern: logs.FilterPattern.literal('"ledger heads"'),
      // A Function is an IFunction; CDK's own `T | undefined` fails `exactOptionalPropertyTypes`.
      destination: new LambdaDestination(this.#props.evidence.keeper as lambda.IFunction),
    });
  }

  grantKey(fn: lambda.Function, key: KeyVariable): void {
    this.#props.secrets.grantRead(fn, key);
  }

  #grantLog(fn: lambda.Function, actions: readonly string[]): void {
    const { clusterArn, topicArn, servers } = this.#props.log;
    allow(fn, ['kafka-cluster:Connect'], clusterArn);
    allow(fn, actions, topicArn);
    fn.addEnvironment(ENV_KAFKA_BOOTSTRAP_SERVERS, servers);
    fn.addEnvironment(ENV_KAFKA_AUTH, 'msk-iam');
  }
}

function pollersOf(mapping: string): cloudwatch.IMetric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Lambda',
    metricName: 'ProvisionedPollers',
    dimensionsMap: { EventSourceMappingUUID: mapping },
    statistic: 'Maximum',
    period: Duration.minutes(1),
  });
}

function allow(fn: lambda.Function, actions: readonly string[], resource: string): void {
  fn.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [resource] }));
}
