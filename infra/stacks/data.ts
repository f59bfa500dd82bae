import { createHash } from 'node:crypto';
import {
  type aws_ec2 as ec2,
  aws_kms as kms,
  RemovalPolicy,
  SecretValue,
  Stack,
  type StackProps,
  aws_secretsmanager as secretsmanager,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import {
  ENV_API_KEY_HASH_SECRET,
  ENV_ENCRYPTION_KEY,
  ENV_JWT_SECRET,
  ENV_JWT_SECRET_PREVIOUS,
  ENV_RECEIPT_KEY,
  ENV_REDIS_URL,
  ENV_SEGMENT_KEY,
  type SecretVariable,
  secretNames,
} from '../../shared/contracts/env.ts';
import { shardLoginNames, shardLogins } from '../../shared/contracts/shards.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { ManagedData, Stage } from '../config/stage.ts';
import { BootstrapBrokers } from '../constructs/bootstrap-brokers.ts';
import { generatedText } from '../constructs/generated-password.ts';
import { LedgerShards } from '../constructs/ledger-shards.ts';
import { SegmentCache } from '../constructs/segment-cache.ts';
import { kafkaVersion, UsageLog } from '../constructs/usage-log.ts';
import type { DataPlane, NetworkGroups } from '../data-plane/data-plane.ts';
import { ManagedDataPlane } from '../data-plane/managed-data-plane.ts';
import { NamedSecrets } from '../data-plane/named-secrets.ts';
import type { EvidenceStack } from './evidence.ts';
import { ports } from './network.ts';

export interface DataStackProps extends StackProps {
  /** What log, cache and shards are sized by; its name is part of theirs. */
  readonly stage: Stage;
  /** The stage's own `data`, known to be managed. */
  readonly data: ManagedData;
  /** The network that holds log, cache and shards, and the functions that reach them. */
  readonly network: { readonly vpc: ec2.IVpc; readonly groups: NetworkGroups };
  /** Where the heads of the chains are kept. */
  readonly evidence: EvidenceStack;
}

/** Everything that must outlive a deployment: log, cache, shards, keys and secrets. */
export class DataStack extends Stack {
  readonly plane: DataPlane;
  readonly #secrets: NamedSecrets;
  readonly #secretsKey: kms.Key;
  readonly #keep: RemovalPolicy;

  constructor(scope: Construct, id: string, { stage, data, network, evidence, ...props }: DataStackProps) {
    super(scope, id, props);
    const { vpc, groups } = network;
    const { capacity } = stage;
    const name = `odometer-${stage.name}`;
    this.#keep = data.keepData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    this.#secretsKey = new kms.Key(this, 'SecretsKey', {
      enableKeyRotation: true,
      removalPolicy: this.#keep,
    });
    this.#secrets = new NamedSecrets({ stage: stage.name, keyArn: this.#secretsKey.keyArn });
    const subnets = vpc.isolatedSubnets;
    const log = new UsageLog(this, 'UsageLog', {
      capacity: capacity.log,
      subnets,
      group: groups.log,
      clusterName: name,
      removalPolicy: this.#keep,
    });
    const secretsKey = this.#secretsKey;
    const cache = new SegmentCache(this, 'SegmentCache', {
      nodeType: capacity.cacheNodeType,
      port: ports.cache,
      subnets,
      group: groups.cache,
      secretsKey,
      passwordRevision: data.passwords.cache,
    });
    const shards = new LedgerShards(this, 'LedgerShards', {
      instance: capacity.shardInstance,
      port: ports.shards,
      vpc,
      group: groups.shards,
      secretsKey,
      removalPolicy: this.#keep,
      isProtected: props.terminationProtection === true,
      zones: data.availabilityZones,
      passwordRevisions: data.passwords,
    });
    this.#addSecrets(cache, shards);
    const { servers } = new BootstrapBrokers(this, 'BootstrapBrokers', {
      clusterArn: log.clusterArn,
      capacity: capacity.log,
      kafkaVersion,
    });
    const { clusterArn } = log;
    // Exported whole: the expressions take the cluster's ARN apart, which no stack may do with another's output.
    const topicArn = this.exportValue(log.topicArn, { name: `${name}-topic-arn` });
    const groupArn = this.exportValue(log.groupArn, { name: `${name}-group-arn` });
    this.plane = new ManagedDataPlane({
      network,
      secrets: this.#secrets,
      log: { clusterArn, topicArn, groupArn, servers, capacity: capacity.log },
      vitals: {
        cache: cache.vitals,
        shards: shards.vitals,
        log: [log.vitals],
        headsNotKept: [evidence.errors],
      },
      evidence,
      revision: revisionOf([data, capacity, kafkaVersion]),
    });
  }

  #addSecrets(cache: SegmentCache, shards: LedgerShards): void {
    // The previous secret begins as a text that nobody has signed by.
    const keys = [
      ...[ENV_ENCRYPTION_KEY, ENV_RECEIPT_KEY, ENV_SEGMENT_KEY, ENV_API_KEY_HASH_SECRET],
      ...[ENV_JWT_SECRET, ENV_JWT_SECRET_PREVIOUS],
    ] as const;
    for (const key of keys) {
      this.#addSecret(key, { generateSecretString: generatedText });
    }
    this.#addSecret(ENV_REDIS_URL, { secretStringValue: SecretValue.unsafePlainText(cache.url) });
    for (const login of shardLoginNames) {
      const urls = SecretValue.unsafePlainText(shards.urls(login));
      this.#addSecret(shardLogins[login].variable, { secretStringValue: urls });
    }
  }

  /** No template holds a value: passwords are references that CloudFormation resolves when it deploys. */
  #addSecret(
    variable: SecretVariable,
    value: Pick<secretsmanager.SecretProps, 'generateSecretString' | 'secretStringValue'>,
  ): void {
    const id = secretNames[variable];
    new secretsmanager.Secret(this, id, {
      ...value,
      secretName: this.#secrets.nameOf(variable),
      encryptionKey: this.#secretsKey,
      removalPolicy: this.#keep,
    });
    acknowledge(this, `${id}/Resource`, 'SMG4', rotationReason[variable] ?? derivedReason);
  }
}

/**
 * What decides every address and password that another stack reads here. CloudFormation deploys a stack only where its
 * own text changes, and resolves what it reads of others only then.
 */
function revisionOf(values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 12);
}

const derivedReason =
  'Made of passwords and addresses: it changes with them, by the deploying guide’s procedure.';
const rotationReason: Partial<Record<SecretVariable, string>> = {
  [ENV_ENCRYPTION_KEY]:
    'A new value makes sealed properties unreadable; rotating it is a migration, not a timer.',
  [ENV_RECEIPT_KEY]: 'A new value makes earlier receipts unknown: an operator’s act when it leaked.',
  [ENV_SEGMENT_KEY]:
    'A new value drops stored segments, which the log replaces: an operator’s act when it leaked.',
  [ENV_API_KEY_HASH_SECRET]:
    'A new value makes every API key useless: an operator’s act when it leaked, not a timer.',
  [ENV_JWT_SECRET]: 'Shared with the issuer of tokens: both change it together.',
  [ENV_JWT_SECRET_PREVIOUS]:
    'Holds what the issuer signed by before a change, for as long as the change takes.',
};
