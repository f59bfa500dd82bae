/** What the App stack knows of log, cache and shards: the permissions that it can grant on them, whoever runs them. */
import type { aws_cloudwatch as cloudwatch, aws_ec2 as ec2, aws_lambda as lambda } from 'aws-cdk-lib';
import type { ShardLogin } from '../../shared/contracts/shards.ts';

/** Roles in the network: who may open a connection to whom. */
export type NetworkRole = 'ingest' | 'consumer' | 'flusher' | 'query' | 'operator' | 'keys';

/** Where a function runs; empty where it needs no network of its own. */
export type Placement = Pick<lambda.FunctionOptions, 'vpc' | 'vpcSubnets' | 'securityGroups'>;

/**
 * Each grant gives permission, network and configuration together, so that a function that was granted
 * something can use it and a function that was not cannot.
 */
export interface DataPlane {
  placementOf(role: NetworkRole): Placement;
  /** Appends to the log, as ingest does. */
  grantAppend(fn: lambda.Function): void;
  /** Where the log's partitions start and end, and which topic it is: no record. */
  grantDescribeLog(fn: lambda.Function): void;
  /** Reads any offset of the log. */
  grantReadLog(fn: lambda.Function): void;
  /** Invokes the function with the log's records, each partition in order, for ever. Returns how many pollers do. */
  consumeLog(fn: lambda.Function): readonly cloudwatch.IMetric[];
  /** Stores, reads and deletes segments; the address only, without the key that authenticates them. */
  grantCache(fn: lambda.Function): void;
  /** One DSN a shard for this login; a function has the login with the fewest rights that its work needs. */
  grantShards(fn: lambda.Function, login: ShardLogin): void;
  /** A key of ours by the environment variable that holds it. */
  grantKey(fn: lambda.Function, key: KeyVariable): void;
  /** Sends the function's lines that hold heads of chains to where nobody can change them (U12). */
  keepHeads(fn: lambda.Function): void;
  /** Another text wherever an address or password may be another one: what uses them carries it, to be deployed again. */
  readonly revision: string;
  readonly vitals: DataVitals;
}

export type KeyVariable =
  | 'ENCRYPTION_KEY'
  | 'RECEIPT_KEY'
  | 'SEGMENT_KEY'
  | 'JWT_SECRET'
  | 'JWT_SECRET_PREVIOUS'
  | 'API_KEY_HASH_SECRET';

/** What of the data plane is watched; nothing where somebody else runs it. */
export interface DataVitals {
  readonly cache: readonly CacheVitals[];
  readonly shards: readonly ShardVitals[];
  readonly log: readonly LogVitals[];
  /** Failures to keep logged heads of chains. */
  readonly headsNotKept: readonly cloudwatch.IMetric[];
}

export interface CacheVitals {
  /** Its number, from 1. */
  readonly node: number;
  readonly memoryPercent: cloudwatch.IMetric;
  readonly evictions: cloudwatch.IMetric;
}

export interface ShardVitals {
  readonly shard: number;
  readonly storageBytes: cloudwatch.IMetric;
  readonly connections: cloudwatch.IMetric;
  readonly cpuPercent: cloudwatch.IMetric;
  /** Of the reads of the writer's pages. */
  readonly missPercent: cloudwatch.IMetric;
  readonly freeMemoryBytes: cloudwatch.IMetric;
}

interface BrokerVitals {
  /** Its number, from 1. */
  readonly broker: number;
  readonly cpuPercent: cloudwatch.IMetric;
  readonly connections: cloudwatch.IMetric;
}

export interface LogVitals {
  readonly brokers: readonly BrokerVitals[];
  /** Clusters without an active controller, 0 or 1. */
  readonly withoutController: cloudwatch.IMetric;
}

/** What the managed data plane's stacks hand on to each other. */
export interface NetworkGroups {
  readonly roles: Readonly<Record<NetworkRole, ec2.ISecurityGroup>>;
  readonly log: ec2.ISecurityGroup;
  readonly cache: ec2.ISecurityGroup;
  readonly shards: ec2.ISecurityGroup;
}
