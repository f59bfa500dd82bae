import {
  type aws_cloudwatch as cloudwatch,
  Duration,
  aws_iam as iam,
  aws_kms as kms,
  type aws_lambda as lambda,
  RemovalPolicy,
  Stack,
  type StackProps,
  aws_s3 as s3,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ENV_HEADS_BUCKET } from '../../shared/contracts/env.ts';
import { acknowledge, logicalIdOf } from '../checks/acknowledge.ts';
import type { ManagedData } from '../config/stage.ts';
import { NodeFunction } from '../constructs/node-function.ts';

export interface EvidenceStackProps extends StackProps {
  /** The stage's own `data`: for how long heads are locked. */
  readonly data: ManagedData;
}

/**
 * The heads of the ledgers' chains, where whoever can write to a shard cannot change them: what was logged is copied
 * into a bucket whose objects nobody can delete or overwrite before their time is over. A stack of its own, so that
 * no deployment and no deletion of the others touches it; an account of its own would be better still.
 */
export class EvidenceStack extends Stack {
  /** Takes deliveries of CloudWatch Logs. */
  readonly keeper: lambda.Function;
  readonly errors: cloudwatch.IMetric;

  constructor(scope: Construct, id: string, { data, ...props }: EvidenceStackProps) {
    super(scope, id, props);
    const bucket = this.#bucket(Duration.days(data.headsLockedDays));
    const { fn } = new NodeFunction(this, 'Keeper', {
      entry: 'infra/evidence/keep-heads.ts',
      memoryMb: 256,
      timeout: Duration.minutes(1),
      description: 'Heads of the chains from the log of the flusher into the locked bucket',
      environment: { [ENV_HEADS_BUCKET]: bucket.bucketName },
    });
    const resources = [bucket.arnForObjects('heads/*')];
    // Not `grantPut`, which can also abort uploads and write the tags and retention of others' objects.
    fn.addToRolePolicy(new iam.PolicyStatement({ actions: ['s3:PutObject'], resources }));
    bucket.encryptionKey?.grant(fn, 'kms:GenerateDataKey');
    acknowledge(
      fn.role ?? fn,
      'DefaultPolicy/Resource',
      `IAM5[Resource::<${logicalIdOf(bucket)}.Arn>/heads/*]`,
      'Each delivery is an object with a name of its own.',
    );
    this.keeper = fn;
    this.errors = fn.metricErrors({ period: Duration.minutes(5), statistic: 'Sum' });
  }

  #bucket(locked: Duration): s3.Bucket {
    // Whatever the stage: the last objects are locked when the stack is deleted, and the bucket outlives it.
    const removalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    const bucket = new s3.Bucket(this, 'Heads', {
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: new kms.Key(this, 'Key', { enableKeyRotation: true, removalPolicy }),
      bucketKeyEnabled: true,
      enforceSSL: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      versioned: true,
      objectLockDefaultRetention: s3.ObjectLockRetention.compliance(locked),
      removalPolicy,
    });
    acknowledge(bucket, 'Resource', 'S1', 'One function writes it; whoever reads heads is in CloudTrail.');
    return bucket;
  }
}
