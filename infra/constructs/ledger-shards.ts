import {
  Duration,
  aws_ec2 as ec2,
  aws_kms as kms,
  RemovalPolicy,
  aws_rds as rds,
  type aws_secretsmanager as secretsmanager,
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
  /** Whether clusters, key and passwords are protected from deletion and outlive the stack. */
  readonly keepData: boolean;
}

const backupDays = 35;

/** The authority: one Aurora cluster a shard, a writer and a reader in different zones. */
export class LedgerShards extends Construct {
  readonly vitals: readonly ShardVitals[];
  readonly #clusters: readonly rds.DatabaseCluster[];
  readonly #passwords: ReadonlyMap<ShardLogin, secretsmanager.Secret>;

  constructor(scope: Construct, id: string, props: LedgerShardsProps) {
    super(scope, id);
    const keep = props.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const key = new kms.Key(this, 'Key', { enableKeyRotation: true, removalPolicy: keep });
    const secret = { encryptionKey: props.secretsKey, removalPolicy: keep };
    this.#passwords = new Map(
      shardLoginNames.map((login) => [login, new GeneratedPassword(this, `${login}-password`, secret)]),
    );
    const engine = rds.DatabaseClusterEngine.auroraPostgres({
      version: rds.AuroraPostgresEngineVersion.VER_18_6,
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

  #password(login: ShardLogin): secretsmanager.Secret {
    const password = this.#passwords.get(login);
    if (password === undefined) throw new Error(`the login ${login} has no password`);
    return password;
  }

  #cluster(shard: number, settings: ShardSettings, props: LedgerShardsProps): rds.DatabaseCluster {
    const { engine, parameterGroup, key, owner, keep } = settings;
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
      writer: rds.ClusterInstance.provisioned('writer', instance),
      readers: [rds.ClusterInstance.provisioned('reader', { ...instance, promotionTier: 0 })],
      storageType: rds.DBClusterStorageType.AURORA_IOPT1,
      storageEncrypted: true,
      storageEncryptionKey: key,
      iamAuthentication: true,
      backup: { retention: Duration.days(backupDays) },
      copyTagsToSnapshot: true,
      deletionProtection: props.keepData,
      removalPolicy: keep,
      cloudwatchLogsExports: ['postgresql'],
      databaseInsightsMode: rds.DatabaseInsightsMode.STANDARD,
      enablePerformanceInsights: true,
    });
    if (!props.keepData)
      acknowledge(cluster, 'Resource', 'RDS10', 'This stage’s data is meant to be thrown away.');
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
  return {
    shard,
    storageBytes: cluster.metricVolumeBytesUsed({ statistic: 'Maximum', period }),
    connections: cluster.metricDatabaseConnections({ statistic: 'Maximum', period }),
    cpuPercent: cluster.metricCPUUtilization({ statistic: 'Average', period }),
  };
}
