import {
  aws_cloudwatch as cloudwatch,
  Duration,
  type aws_ec2 as ec2,
  Fn,
  aws_kms as kms,
  aws_logs as logs,
  aws_msk as msk,
  type RemovalPolicy,
  Stack,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { usageTopic } from '../../shared/contracts/topic.ts';
import type { Capacity } from '../config/capacity.ts';
import type { LogVitals } from '../data-plane/data-plane.ts';

export interface UsageLogProps {
  /** Type and number of brokers, and the number of partitions. */
  readonly capacity: Capacity['log'];
  /** Private subnets, one in each zone; each gets its share of the brokers. */
  readonly subnets: readonly ec2.ISubnet[];
  /** The security group of the brokers; its rules say who may connect. */
  readonly group: ec2.ISecurityGroup;
  /** The name of the cluster. Another name would replace the cluster and lose what is in it. */
  readonly clusterName: string;
  /** Whether cluster, topic and key are kept when their stack is deleted. */
  readonly removalPolicy: RemovalPolicy;
}

/** As MSK spells it for Express brokers; versions without ZooKeeper end in `.kraft`. */
export const kafkaVersion = '4.2.x.kraft';
const copies = 3;
const inSyncMin = 2;

/** Every accepted event, in order: the cluster and the one topic. */
export class UsageLog extends Construct {
  readonly clusterArn: string;
  readonly topicArn: string;
  readonly groupArn: string;
  readonly topic: msk.CfnTopic;
  readonly vitals: LogVitals;

  constructor(scope: Construct, id: string, props: UsageLogProps) {
    super(scope, id);
    const cluster = this.#cluster(props);
    this.clusterArn = cluster.attrArn;
    this.topicArn = this.#arnOf('topic', usageTopic.name);
    this.groupArn = this.#arnOf('group', usageTopic.consumerGroup);
    this.topic = new msk.CfnTopic(this, 'Topic', {
      clusterArn: this.clusterArn,
      topicName: usageTopic.name,
      partitionCount: props.capacity.partitions,
      replicationFactor: copies,
      configs: Buffer.from(JSON.stringify(topicSettings(props.capacity.brokerType))).toString('base64'),
    });
    this.topic.applyRemovalPolicy(props.removalPolicy);
    this.vitals = vitalsOf(props);
  }

  #cluster(props: UsageLogProps): msk.CfnCluster {
    const { capacity, subnets, group, clusterName, removalPolicy } = props;
    const key = new kms.Key(this, 'Key', { enableKeyRotation: true, removalPolicy });
    const brokerLog = new logs.LogGroup(this, 'BrokerLog', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy,
    });
    const settings = new msk.CfnConfiguration(this, 'Settings', {
      name: `${clusterName}-settings`,
      serverProperties: 'auto.create.topics.enable=false\n',
    });
    const cluster = new msk.CfnCluster(this, 'Cluster', {
      clusterName,
      kafkaVersion,
      numberOfBrokerNodes: capacity.brokers,
      brokerNodeGroupInfo: {
        instanceType: capacity.brokerType,
        clientSubnets: subnets.map((subnet) => subnet.subnetId),
        securityGroups: [group.securityGroupId],
        connectivityInfo: { publicAccess: { type: 'DISABLED' } },
      },
      clientAuthentication: { sasl: { iam: { enabled: true } }, unauthenticated: { enabled: false } },
      encryptionInfo: {
        encryptionAtRest: { dataVolumeKmsKeyId: key.keyArn },
        encryptionInTransit: { clientBroker: 'TLS', inCluster: true },
      },
      configurationInfo: { arn: settings.attrArn, revision: settings.attrLatestRevisionRevision },
      enhancedMonitoring: 'PER_TOPIC_PER_BROKER',
      loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: brokerLog.logGroupName } } },
    });
    cluster.applyRemovalPolicy(removalPolicy);
    return cluster;
  }

  /** `arn:…:cluster/NAME/UUID` names its topics and groups `arn:…:topic/NAME/UUID/TOPIC`. */
  #arnOf(kind: 'topic' | 'group', name: string): string {
    const path = Fn.select(1, Fn.split(':cluster/', this.clusterArn));
    return Stack.of(this).formatArn({ service: 'kafka', resource: kind, resourceName: `${path}/${name}` });
  }
}

/** Those that Express brokers have: no under-replicated or offline partitions are counted there. */
function vitalsOf({ clusterName, capacity }: UsageLogProps): LogVitals {
  const period = Duration.minutes(5);
  const cluster = { 'Cluster Name': clusterName };
  // Same type: the name, then its statistic, as CloudWatch lists them; the snapshots hold both.
  const metric = (metricName: string, statistic: string, dimensionsMap: Readonly<Record<string, string>>) =>
    new cloudwatch.Metric({ namespace: 'AWS/Kafka', metricName, statistic, period, dimensionsMap });
  return {
    brokers: Array.from({ length: capacity.brokers }, (_, index) => {
      const one = { ...cluster, 'Broker ID': String(index + 1) };
      const usingMetrics = {
        user: metric('CpuUser', 'Average', one),
        system: metric('CpuSystem', 'Average', one),
      };
      return {
        broker: index + 1,
        cpuPercent: new cloudwatch.MathExpression({
          expression: 'user + system',
          usingMetrics,
          period,
          label: `CPU of broker ${index + 1} (%)`,
        }),
        connections: metric('ConnectionCount', 'Maximum', one),
      };
    }),
    withoutController: new cloudwatch.MathExpression({
      expression: 'IF(controllers < 1, 1, 0)',
      usingMetrics: { controllers: metric('ActiveControllerCount', 'Maximum', cluster) },
      period,
      label: 'without a controller',
    }),
  };
}

/** Express brokers fix two in-sync replicas themselves and refuse the setting. */
export function topicSettings(brokerType: string): Readonly<Record<string, string>> {
  const fixed = brokerType.startsWith('express.');
  return fixed ? usageTopic.settings : { ...usageTopic.settings, 'min.insync.replicas': `${inSyncMin}` };
}
