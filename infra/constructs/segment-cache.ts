import {
  aws_cloudwatch as cloudwatch,
  Duration,
  type aws_ec2 as ec2,
  aws_elasticache as elasticache,
  aws_kms as kms,
  RemovalPolicy,
  type aws_secretsmanager as secretsmanager,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { CacheVitals } from '../data-plane/data-plane.ts';
import { GeneratedPassword } from './generated-password.ts';

export interface SegmentCacheProps {
  /** ElastiCache's type of each of the three nodes. */
  readonly nodeType: string;
  /** The port on which every node listens. */
  readonly port: number;
  /** Private subnets, one in each zone. */
  readonly subnets: readonly ec2.ISubnet[];
  /** The security group of the nodes; its rules say who may connect. */
  readonly group: ec2.ISecurityGroup;
  /** The key that encrypts the password; the segments have a key of their own. */
  readonly secretsKey: kms.IKey;
  /** Counts the password's changes, from 1. */
  readonly passwordRevision: number;
}

const nodes = 3;

/**
 * Segments that are not committed yet, and the read cache. `noeviction`: an evicted segment would be silent work
 * for the log. No durability, no snapshots: losing all of it changes no total (U6), and nothing is retained.
 */
export class SegmentCache extends Construct {
  /** With the password, by reference. */
  readonly url: string;
  readonly vitals: readonly CacheVitals[];

  constructor(scope: Construct, id: string, props: SegmentCacheProps) {
    super(scope, id);
    const password = new GeneratedPassword(this, 'Password', {
      encryptionKey: props.secretsKey,
      removalPolicy: RemovalPolicy.DESTROY,
      revision: props.passwordRevision,
    });
    const group = this.#replicationGroup(props, password);
    const token = password.secretValue.unsafeUnwrap();
    this.url = `rediss://:${token}@${group.attrPrimaryEndPointAddress}:${props.port}`;
    this.vitals = Array.from({ length: nodes }, (_, index) => vitalsOf(group.ref, index + 1));
  }

  #replicationGroup(
    props: SegmentCacheProps,
    password: secretsmanager.Secret,
  ): elasticache.CfnReplicationGroup {
    const key = new kms.Key(this, 'Key', { enableKeyRotation: true, removalPolicy: RemovalPolicy.DESTROY });
    const subnetGroup = new elasticache.CfnSubnetGroup(this, 'Subnets', {
      description: 'Segments: the private subnets',
      subnetIds: props.subnets.map((subnet) => subnet.subnetId),
    });
    const parameters = new elasticache.CfnParameterGroup(this, 'Parameters', {
      cacheParameterGroupFamily: 'valkey9',
      description: 'Segments are never evicted',
      properties: { 'maxmemory-policy': 'noeviction' },
    });
    // No name of ours: whatever replaces the group needs another one, and nothing in it must last.
    return new elasticache.CfnReplicationGroup(this, 'Nodes', {
      replicationGroupDescription: 'Segments not committed yet, and the read cache',
      engine: 'valkey',
      engineVersion: '9.1',
      cacheNodeType: props.nodeType,
      cacheParameterGroupName: parameters.ref,
      cacheSubnetGroupName: subnetGroup.ref,
      securityGroupIds: [props.group.securityGroupId],
      port: props.port,
      clusterMode: 'disabled',
      numCacheClusters: nodes,
      automaticFailoverEnabled: true,
      multiAzEnabled: true,
      atRestEncryptionEnabled: true,
      kmsKeyId: key.keyArn,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      authToken: password.secretValue.unsafeUnwrap(),
      // The version is named to the minor, which ElastiCache asks for: one moved on by AWS could not be deployed again.
      autoMinorVersionUpgrade: false,
    });
  }
}

/** ElastiCache names the nodes of a group `GROUP-001` and so on. */
function vitalsOf(group: string, node: number): CacheVitals {
  // Same type: the name, then its statistic, as CloudWatch lists them; the snapshots hold both.
  const metric = (metricName: string, statistic: string) =>
    new cloudwatch.Metric({
      namespace: 'AWS/ElastiCache',
      metricName,
      statistic,
      dimensionsMap: { CacheClusterId: `${group}-00${node}` },
      period: Duration.minutes(1),
    });
  return {
    node,
    memoryPercent: metric('DatabaseMemoryUsagePercentage', 'Maximum'),
    evictions: metric('Evictions', 'Sum'),
  };
}
