import {
  type aws_lambda as lambda,
  RemovalPolicy,
  Stack,
  type StackProps,
  aws_secretsmanager as secretsmanager,
} from 'aws-cdk-lib';
import { SelfManagedKafkaEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { Construct } from 'constructs';
import {
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_REDIS_URL,
  type SecretVariable,
  secretNames,
} from '../../shared/contracts/env.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { Capacity } from '../config/capacity.ts';
import type { ExternalData as Settings, Stage } from '../config/stage.ts';
import { generatedText } from '../constructs/generated-password.ts';
import type { DataPlane, DataVitals, KeyVariable, Placement, ShardLogin } from '../data-plane/data-plane.ts';
import { logSource } from '../data-plane/log-source.ts';
import { NamedSecrets, shardVariables } from '../data-plane/named-secrets.ts';

export interface ExternalDataProps extends StackProps {
  readonly stage: Stage;
  readonly data: Settings;
}

/**
 * Only the named secrets. Keys are generated; addresses hold a random text until whoever runs the servers writes
 * the real ones (PutSecretValue), and the App stack is deployed after that.
 */
export class ExternalData extends Stack implements DataPlane {
  readonly vitals: DataVitals = { cache: [], shards: [] };
  readonly #secrets: NamedSecrets;
  readonly #bootstrapServers: readonly string[];
  readonly #capacity: Capacity['log'];

  constructor(scope: Construct, id: string, { stage, data, ...props }: ExternalDataProps) {
    super(scope, id, props);
    this.#secrets = new NamedSecrets(stage.name);
    this.#bootstrapServers = data.bootstrapServers;
    this.#capacity = stage.capacity.log;
    // The keys of `secretNames` are the type's members.
    for (const variable of Object.keys(secretNames) as SecretVariable[]) {
      const name = secretNames[variable];
      new secretsmanager.Secret(this, name, {
        secretName: this.#secrets.nameOf(variable),
        generateSecretString: generatedText,
        removalPolicy: RemovalPolicy.DESTROY,
      });
      acknowledge(
        this,
        `${name}/Resource`,
        'SMG4',
        'Written by whoever runs the servers; it lives as long as a test.',
      );
    }
  }

  placementOf(): Placement {
    return {};
  }

  grantAppend(fn: lambda.Function): void {
    this.#secrets.grantRead(fn, ENV_KAFKA_BOOTSTRAP_SERVERS);
  }

  grantDescribeLog(fn: lambda.Function): void {
    this.grantReadLog(fn);
  }

  grantReadLog(fn: lambda.Function): void {
    this.#secrets.grantRead(fn, ENV_KAFKA_BOOTSTRAP_SERVERS);
  }

  /** A declaration: the poller that stands in for the service reads it from the template. */
  consumeLog(fn: lambda.Function): void {
    const bootstrapServers = [...this.#bootstrapServers];
    const name = this.#secrets.nameOf(ENV_KAFKA_BOOTSTRAP_SERVERS);
    const secret = secretsmanager.Secret.fromSecretNameV2(fn, 'log-credentials', name);
    fn.addEventSource(
      new SelfManagedKafkaEventSource({ ...logSource(this.#capacity), bootstrapServers, secret }),
    );
  }

  grantCache(fn: lambda.Function): void {
    this.#secrets.grantRead(fn, ENV_REDIS_URL);
  }

  grantShards(fn: lambda.Function, login: ShardLogin): void {
    this.#secrets.grantRead(fn, shardVariables[login]);
  }

  grantKey(fn: lambda.Function, key: KeyVariable): void {
    this.#secrets.grantRead(fn, key);
  }
}
