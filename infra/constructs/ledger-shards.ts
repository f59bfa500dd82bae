import {
  aws_cloudwatch as cloudwatch,
  Duration,
  aws_ec2 as ec2,
  aws_kms as kms,
  aws_logs as logs,
  type RemovalPolicy,
  aws_rds as rds,
  Stack,
  type aws_secretsmanager as secretsmanager,
  Validations,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import {
  type ShardLogin,
  shardDatabase,
  shardLoginNames,
  shardLogins,
} from '../../shared/contracts/shards.ts';
import { shardCount } from '../../shared/limits.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { ShardVitals } from '../data-plane/data-plane.ts';
import { GeneratedPassword } from './generated-password.ts';

export interface LedgerShardsProps {
  /** Instance class of each writer and reader, without `db.`. */
  readonly instance: string;
  /** The port on which every cluster listens. */
  readonly port: number;
  /** The network whose private subnets hold the clusters. */
  readonly vpc: ec2.IVpc;
  /** The security group of every cluster; its rules say who may connect. */
  readonly group: ec2.ISecurityGroup;
  /** The key that encrypts the logins' passwords; the rows have a key of their own. */
  readonly secretsKey: kms.IKey;
  /** What happens to clusters, key and passwords when their stack is deleted. */
  readonly removalPolicy: RemovalPolicy;
  /** Whether RDS refuses to delete a cluster. */
  readonly isProtected: boolean;
  /** Each shard's writer is in the zone after the one of the shard before it, and its reader in the next. */
  readonly zones: readonly [string, string, string];
  /** Counts the changes of each login's password, from 1. */
  readonly passwordRevisions: Readonly<Record<ShardLogin, number>>;
}

const backupDays = 35;
const postgresMajor = '18';

/** The authority: one Aurora cluster a shard, a writer and a reader in different zones. */
export class LedgerShards extends Construct {
  readonly vitals: readonly ShardVitals[];
  readonly #clusters: readonly rds.DatabaseCluster[];
  readonly #passwords: ReadonlyMap<ShardLogin, secretsmanager.Secret>;

  constructor(scope: Construct, id: string, props: LedgerShardsProps) {
    super(scope, id);
    const keep = props.removalPolicy;
    const key = new kms.Key(this, 'Key', { enableKeyRotation: true, removalPolicy: keep });
    const secret = { encryptionKey: props.secretsKey, removalPolicy: keep };
    this.#passwords = new Map(
      shardLoginNames.map((login) => {
        const revision = props.passwordRevisions[login];
        return [login, new GeneratedPassword(this, `${login}-password`, { ...secret, revision })];
      }),
    );
    const engine = rds.DatabaseClusterEngine.auroraPostgres({
      // The major alone: a minor that AWS has moved on from could not be deployed again.
      version: rds.AuroraPostgresEngineVersion.of(postgresMajor, postgresMajor),
    });
    const parameterGroup = new rds.ParameterGroup(this, 'Parameters', {
      engine,
      parameters: {
        shared_preload_libraries: 'pg_stat_statements',
        'rds.force_ssl': '1',
        timezone: 'UTC',
      },
    });
    const owner = this.#password('owner');
    this.#clusters = Array.from({ length: shardCount }, (_, shard) => {
      const settings = { engine, parameterGroup, key, owner, keep };
      return this.#cluster(shard, settings, props);
    });
    this.#accept();
    this.vitals = this.#clusters.map(vitalsOf);
  }

  /** The DSNs of one login in shard order, as the functions read them; the certificate's host name is checked. */
  urls(login: ShardLogin): string {
    const password = this.#password(login).secretValue.unsafeUnwrap();
    return this.#clusters
      .map(({ clusterEndpoint: { hostname, port } }, shard) => {
        return `postgres://${shardLogins[login].role}:${password}@${hostname}:${port}/${shardDatabase(shard)}?sslmode=verify-full`;
      })
      .join(',');
  }

  #accept(): void {
    const zoned = 'A writer that may be in any zone may be in the zone of every other writer.';
    for (const cluster of this.#clusters)
      Validations.of(cluster).acknowledge({ id: 'CloudFormation-Validate::W3010', reason: zoned });
    // CDK's own function, which gives RDS's log groups their retention: RDS makes them, so no stack can.
    const retention = Stack.of(this).node.children.filter(({ node }) => node.id.startsWith('LogRetention'));
    const reason =
      'CDK’s role: it sets how long the groups that RDS makes are kept, before they have an ARN.';
    const managed = 'AWSLambdaBasicExecutionRole';
    const policy = `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/${managed}]`;
    for (const one of retention) {
      acknowledge(one, 'ServiceRole/Resource', policy, reason);
      acknowledge(one, 'ServiceRole/DefaultPolicy/Resource', 'IAM5[Resource::*]', reason);
    }
  }

  #password(login: ShardLogin): secretsmanager.Secret {
    const password = this.#passwords.get(login);
    if (password === undefined) throw new Error(`the login ${login} has no password`);
    return password;
  }

  #cluster(shard: number, settings: ShardSettings, props: LedgerShardsProps): rds.DatabaseCluster {
    const { engine, parameterGroup, key, owner, keep } = settings;
    const zone = (index: number) => props.zones[index % props.zones.length] ?? props.zones[0];
    const instanceType = new ec2.InstanceType(props.instance);
    const instance = {
      instanceType,
      publiclyAccessible: false,
      autoMinorVersionUpgrade: true,
      enablePerformanceInsights: true,
    };
    const cluster = new rds.DatabaseCluster(this, `Shard${shard}`, {
      engine,
      parameterGroup,
      // The master user of a cluster, who is no superuser on Aurora.
      credentials: rds.Credentials.fromPassword(shardLogins.owner.role, owner.secretValue),
      defaultDatabaseName: shardDatabase(shard),
      port: props.port,
      vpc: props.vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [props.group],
      // A zone that fails takes the writers of two shards at most, and none with its reader.
      writer: rds.ClusterInstance.provisioned('writer', { ...instance, availabilityZone: zone(shard) }),
      readers: [
        rds.ClusterInstance.provisioned('reader', {
          ...instance,
          promotionTier: 0,
          availabilityZone: zone(shard + 1),
        }),
      ],
      storageType: rds.DBClusterStorageType.AURORA_IOPT1,
      storageEncrypted: true,
      storageEncryptionKey: key,
      iamAuthentication: true,
      backup: { retention: Duration.days(backupDays) },
      copyTagsToSnapshot: true,
      deletionProtection: props.isProtected,
      removalPolicy: keep,
      cloudwatchLogsExports: ['postgresql'],
      cloudwatchLogsRetention: logs.RetentionDays.THREE_MONTHS,
      databaseInsightsMode: rds.DatabaseInsightsMode.STANDARD,
      enablePerformanceInsights: true,
    });
    if (!props.isProtected)
      acknowledge(
        cluster,
        'Resource',
        'RDS10',
        'Thrown away with its stage, or protected by the next deployment.',
      );
    // CDK gives instances and subnets policies of their own: deleted, or kept where their creation is rolled back.
    for (const one of cluster.node.findAll())
      if (one instanceof rds.CfnDBInstance || one instanceof rds.CfnDBSubnetGroup)
        one.applyRemovalPolicy(keep);
    return cluster;
  }
}

interface ShardSettings {
  readonly engine: rds.IClusterEngine;
  readonly parameterGroup: rds.IParameterGroup;
  readonly key: kms.IKey;
  readonly owner: secretsmanager.Secret;
  readonly keep: RemovalPolicy;
}

function vitalsOf(cluster: rds.DatabaseCluster, shard: number): ShardVitals {
  const period = Duration.minutes(5);
  // Same type: the name, then its statistic, as CloudWatch lists them; the snapshots hold both.
  const ofWriter = (metricName: string, statistic: string) =>
    new cloudwatch.Metric({
      namespace: 'AWS/RDS',
      metricName,
      statistic,
      period,
      dimensionsMap: { DBClusterIdentifier: cluster.clusterIdentifier, Role: 'WRITER' },
    });
  return {
    shard,
    storageBytes: cluster.metricVolumeBytesUsed({ statistic: 'Maximum', period }),
    connections: cluster.metricDatabaseConnections({ statistic: 'Maximum', period }),
    cpuPercent: cluster.metricCPUUtilization({ statistic: 'Average', period }),
    missPercent: new cloudwatch.MathExpression({
      expression: '100 - hits',
      usingMetrics: { hits: ofWriter('BufferCacheHitRatio', 'Average') },
      period,
      label: 'percent of reads beside the buffers',
    }),
    freeMemoryBytes: ofWriter('FreeableMemory', 'Minimum'),
  };
}
