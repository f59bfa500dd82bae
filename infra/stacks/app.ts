import { CfnOutput, Duration, aws_lambda as lambda, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import {
  ENV_INGEST_LINGER_MS,
  ENV_JWT_AUDIENCE,
  ENV_JWT_ISSUER,
  ENV_JWT_JWKS_URL,
} from '../../shared/contracts/env.ts';
import { consumerTimeoutMs, flusherTimeoutMs } from '../../shared/limits.ts';
import type { Stage } from '../config/stage.ts';
import { BillingFunction, type FunctionVitals } from '../constructs/billing-function.ts';
import { FlushSchedule } from '../constructs/flush-schedule.ts';
import { ShardMigration } from '../constructs/shard-migration.ts';
import { UsageApi } from '../constructs/usage-api.ts';
import type { DataPlane } from '../data-plane/data-plane.ts';

export interface AppStackProps extends StackProps {
  readonly stage: Stage;
  readonly data: DataPlane;
}

/** API Gateway gives up after 30 s; a function that runs longer answers nobody. */
const httpTimeout = Duration.seconds(29);

/** What runs our code. It holds no state and knows of the data only what the plane grants. */
export class AppStack extends Stack {
  readonly functions: readonly FunctionVitals[];
  readonly api: UsageApi;
  readonly #stage: Stage;
  readonly #data: DataPlane;

  constructor(scope: Construct, id: string, { stage, data, ...props }: AppStackProps) {
    super(scope, id, props);
    this.#stage = stage;
    this.#data = data;
    const operator = this.#operator();
    const migration = new ShardMigration(this, 'ShardMigration', operator.fn);
    const [ingest, live] = this.#ingest();
    const consumer = this.#consumer();
    const flusher = this.#flusher();
    const query = this.#query();
    const metrics = this.#metrics();
    const authorizer = this.#authorizer();
    // New code meets no older schema.
    for (const later of [consumer, flusher, query, metrics]) later.fn.node.addDependency(migration);
    this.api = new UsageApi(this, 'UsageApi', {
      throttle: stage.capacity.api,
      domain: stage.domain,
      authorizer: authorizer.fn,
      // An Alias is an IFunction; CDK's own `T | undefined` fails `exactOptionalPropertyTypes`.
      targets: { ingest: live as lambda.IFunction, query: query.fn, metrics: metrics.fn },
    });
    this.functions = [ingest, consumer, flusher, query, metrics, operator, authorizer].map(
      (one) => one.vitals,
    );
    new CfnOutput(this, 'ApiUrl', { value: this.api.api.apiEndpoint });
    new CfnOutput(this, 'OperatorFunction', { value: operator.fn.functionName });
  }

  /** Warm environments stand behind the alias; traffic goes there only. */
  #ingest(): readonly [BillingFunction, lambda.Alias] {
    const { memoryMb, provisioned, concurrencyMax } = this.#stage.capacity.ingest;
    const ingest = new BillingFunction(this, 'Ingest', {
      name: 'ingest',
      stage: this.#stage,
      description: 'Usage events over HTTP, answered when they are durable in the log',
      memoryMb,
      timeout: httpTimeout,
      placement: this.#data.placementOf('ingest'),
      reservedConcurrency: concurrencyMax,
      // One request at a time: waiting for others to group with would only be a delay.
      environment: { [ENV_INGEST_LINGER_MS]: '0' },
      alarms: { errorsMax: 0, throttlesMax: 0 },
    });
    this.#data.grantAppend(ingest.fn);
    this.#data.grantKey(ingest.fn, 'ENCRYPTION_KEY');
    const live = new lambda.Alias(this, 'IngestLive', {
      aliasName: 'live',
      // A Version is an IVersion, as an Alias is an IFunction.
      version: ingest.fn.currentVersion as lambda.IVersion,
      ...(provisioned === 0 ? {} : { provisionedConcurrentExecutions: provisioned }),
    });
    return [ingest, live];
  }

  #consumer(): BillingFunction {
    const { consumerMemoryMb, log } = this.#stage.capacity;
    const consumer = new BillingFunction(this, 'Consumer', {
      name: 'consumer',
      stage: this.#stage,
      description: 'Records of the log, decoded and folded into segments',
      memoryMb: consumerMemoryMb,
      timeout: Duration.millis(consumerTimeoutMs),
      placement: this.#data.placementOf('consumer'),
      // A partition is never read by two at once; a burst elsewhere cannot take this share.
      reservedConcurrency: log.partitions,
      alarms: { errorsMax: 0, throttlesMax: 0 },
    });
    this.#data.grantCache(consumer.fn);
    this.#data.grantKey(consumer.fn, 'SEGMENT_KEY');
    this.#data.consumeLog(consumer.fn);
    return consumer;
  }

  #flusher(): BillingFunction {
    const flusher = new BillingFunction(this, 'Flusher', {
      name: 'flusher',
      stage: this.#stage,
      description: 'Commits ranges of the log to the shards',
      memoryMb: this.#stage.capacity.flusherMemoryMb,
      timeout: Duration.millis(flusherTimeoutMs),
      placement: this.#data.placementOf('flusher'),
      reservedConcurrency: 1,
      // The scheduler invokes asynchronously: without this, ticks refused while one runs would queue for 6 hours.
      asyncRetries: { attempts: 0, maxAge: Duration.minutes(1) },
      alarms: { errorsMax: 0, throttlesMax: 2 },
    });
    this.#data.grantReadLog(flusher.fn);
    this.#data.grantCache(flusher.fn);
    this.#data.grantShards(flusher.fn, 'writer');
    this.#data.grantKey(flusher.fn, 'SEGMENT_KEY');
    new FlushSchedule(this, 'FlushSchedule', flusher.fn);
    return flusher;
  }

  #query(): BillingFunction {
    const query = new BillingFunction(this, 'Query', {
      name: 'query',
      stage: this.#stage,
      description: 'Committed totals, liveness and readiness over HTTP',
      memoryMb: 1_769,
      timeout: httpTimeout,
      placement: this.#data.placementOf('query'),
      alarms: { errorsMax: 0, throttlesMax: 0 },
    });
    this.#data.grantDescribeLog(query.fn);
    this.#data.grantCache(query.fn);
    this.#data.grantShards(query.fn, 'reader');
    return query;
  }

  /** Reads what query reads, so it stands where query stands in the network. */
  #metrics(): BillingFunction {
    const metrics = new BillingFunction(this, 'Metrics', {
      name: 'metrics',
      stage: this.#stage,
      description: 'Figures of the pipeline, as JSON and for Prometheus',
      memoryMb: 1_769,
      timeout: httpTimeout,
      placement: this.#data.placementOf('query'),
      alarms: { errorsMax: 0, throttlesMax: 0 },
    });
    this.#data.grantReadLog(metrics.fn);
    this.#data.grantCache(metrics.fn);
    this.#data.grantShards(metrics.fn, 'reader');
    return metrics;
  }

  #operator(): BillingFunction {
    const operator = new BillingFunction(this, 'Operator', {
      name: 'operator',
      stage: this.#stage,
      description: 'What an operator asks for: migrate, verify, halts, resume, quarantine',
      memoryMb: 1_769,
      timeout: Duration.minutes(14),
      placement: this.#data.placementOf('operator'),
      alarms: { errorsMax: 0, throttlesMax: 0 },
    });
    this.#data.grantDescribeLog(operator.fn);
    // The passwords of the other logins, because migrating also sets them.
    for (const login of ['owner', 'operator', 'writer', 'reader'] as const)
      this.#data.grantShards(operator.fn, login);
    return operator;
  }

  /** Outside the network, because the issuer's key set lies on the internet. */
  #authorizer(): BillingFunction {
    const { issuer, audience, jwksUrl } = this.#stage.identity;
    const authorizer = new BillingFunction(this, 'Authorizer', {
      name: 'authorizer',
      stage: this.#stage,
      description: 'Who calls, by bearer token',
      memoryMb: 512,
      // As long as API Gateway waits: a cold start reads the secret, twice if it must.
      timeout: Duration.seconds(10),
      environment: {
        [ENV_JWT_ISSUER]: issuer,
        [ENV_JWT_AUDIENCE]: audience,
        ...(jwksUrl === undefined ? {} : { [ENV_JWT_JWKS_URL]: jwksUrl }),
      },
      alarms: { errorsMax: 0, throttlesMax: 0 },
    });
    this.#data.grantKey(authorizer.fn, 'JWT_SECRET');
    return authorizer;
  }
}
