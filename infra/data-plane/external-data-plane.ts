import { type aws_lambda as lambda, aws_secretsmanager as secretsmanager } from 'aws-cdk-lib';
import { SelfManagedKafkaEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { ENV_KAFKA_BOOTSTRAP_SERVERS, ENV_REDIS_URL } from '../../shared/contracts/env.ts';
import { type ShardLogin, shardLogins } from '../../shared/contracts/shards.ts';
import type { Capacity } from '../config/capacity.ts';
import type { DataPlane, DataVitals, KeyVariable, Placement } from './data-plane.ts';
import { logSource } from './log-source.ts';
import type { NamedSecrets } from './named-secrets.ts';

export interface ExternalDataPlaneProps {
  /** Where functions find the addresses and keys. */
  readonly secrets: NamedSecrets;
  /** Where Kafka is, as the event source mapping declares it: `host:port` each. */
  readonly bootstrapServers: readonly string[];
  /** How many pollers read the log. */
  readonly capacity: Capacity['log'];
}

/** Servers that somebody else runs: functions know no more of them than the named secrets hold. */
export class ExternalDataPlane implements DataPlane {
  readonly vitals: DataVitals = { cache: [], shards: [], log: [], headsNotKept: [] };
  /** Whoever runs the servers deploys App again when they move. */
  readonly revision = 'external';
  readonly #props: ExternalDataPlaneProps;

  constructor(props: ExternalDataPlaneProps) {
    this.#props = props;
  }

  placementOf(): Placement {
    return {};
  }

  grantAppend(fn: lambda.Function): void {
    this.#grantLog(fn);
  }

  grantDescribeLog(fn: lambda.Function): void {
    this.#grantLog(fn);
  }

  grantReadLog(fn: lambda.Function): void {
    this.#grantLog(fn);
  }

  /** A declaration only: the poller that replaces the service reads it from the template. */
  consumeLog(fn: lambda.Function): readonly [] {
    const { secrets, bootstrapServers, capacity } = this.#props;
    const name = secrets.nameOf(ENV_KAFKA_BOOTSTRAP_SERVERS);
    const secret = secretsmanager.Secret.fromSecretNameV2(fn, 'log-credentials', name);
    fn.addEventSource(
      new SelfManagedKafkaEventSource({
        ...logSource(capacity),
        bootstrapServers: [...bootstrapServers],
        secret,
      }),
    );
    return [];
  }

  grantCache(fn: lambda.Function): void {
    this.#props.secrets.grantRead(fn, ENV_REDIS_URL);
  }

  grantShards(fn: lambda.Function, login: ShardLogin): void {
    this.#props.secrets.grantRead(fn, shardLogins[login].variable);
  }

  /** The log group of the function is all there is. */
  keepHeads(): void {}

  grantKey(fn: lambda.Function, key: KeyVariable): void {
    this.#props.secrets.grantRead(fn, key);
  }

  #grantLog(fn: lambda.Function): void {
    this.#props.secrets.grantRead(fn, ENV_KAFKA_BOOTSTRAP_SERVERS);
  }
}
