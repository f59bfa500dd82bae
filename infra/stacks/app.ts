import {
  CfnOutput,
  type aws_cloudwatch as cloudwatch,
  Duration,
  aws_iam as iam,
  aws_lambda as lambda,
  Stack,
  type StackProps,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import {
  ENV_CALLER_REQUESTS_PER_SECOND,
  ENV_CREDENTIALS_FUNCTION,
  ENV_INGEST_ENVELOPE_VERSION,
  ENV_INGEST_LINGER_MS,
  ENV_JWT_AUDIENCE,
  ENV_JWT_ISSUER,
  ENV_JWT_JWKS_URL,
  ENV_OTLP_ORGANIZATION,
} from '../../shared/contracts/env.ts';
import { consumerTimeoutMs, flusherTimeoutMs, keysTimeoutMs, shardCount } from '../../shared/limits.ts';
import { readConcurrency } from '../config/capacity.ts';
import type { Stage } from '../config/stage.ts';
import {
  BillingFunction,
  type BillingFunctionName,
  type BillingFunctionProps,
  type FunctionVitals,
} from '../constructs/billing-function.ts';
import { MinuteSchedule } from '../constructs/minute-schedule.ts';
import { ShardMigration } from '../constructs/shard-migration.ts';
import { UsageApi } from '../constructs/usage-api.ts';
import type { DataPlane, NetworkRole } from '../data-plane/data-plane.ts';

export interface AppStackProps extends StackProps {
  /** What the functions and the API are sized and configured by. */
  readonly stage: Stage;
  /** What grants the functions their log, cache, shards and keys. */
  readonly data: DataPlane;
}

interface FunctionSettings
  extends Pick<
    BillingFunctionProps,
    'description' | 'memoryMb' | 'timeout' | 'environment' | 'reservedConcurrency' | 'asyncRetries'
  > {
  /** Its place in the network; without one it runs outside of it. */
  readonly role?: NetworkRole;
  /** Refused invocations in five minutes that are normal; by default none. */
  readonly throttlesMax?: number;
}

/** API Gateway stops waiting after 30 s, so no answer may take longer. */
const httpTimeout = Duration.seconds(29);
/** The memory with which Lambda gives a function one whole CPU. */
const oneCpuMb = 1_769;

/** What runs our code. It holds no state and knows of the data only what the plane grants. */
export class AppStack extends Stack {
  readonly functions: readonly FunctionVitals[];
  readonly api: UsageApi;
  /** How many event pollers read the log. */
  readonly pollers: cloudwatch.IMetric[] = [];
  readonly #stage: Stage;
  readonly #data: DataPlane;

  constructor(scope: Construct, id: string, { stage, data, ...props }: AppStackProps) {
    super(scope, id, props);
    this.#stage = stage;
    this.#data = data;
    const operator = this.#operator();
    const migration = new ShardMigration(this, 'ShardMigration', {
      operator: operator.fn,
      dataRevision: data.revision,
    });
    const ingest = this.#ingest();
    const live = this.#aliasOf(ingest);
    const consumer = this.#consumer();
    const flusher = this.#flusher();
    const query = this.#query();
    const metrics = this.#metrics();
    const credentials = this.#credentials();
    const keys = this.#keys();
    const authorizer = this.#authorizer(credentials.fn);
    // New code meets no older schema.
    for (const later of [consumer, flusher, query, metrics, credentials, keys])
      later.fn.node.addDependency(migration);
    this.api = new UsageApi(this, 'UsageApi', {
      throttle: stage.capacity.api,
      stageName: stage.name,
      domain: stage.domain,
      corsOrigins: stage.corsOrigins,
      authorizer: authorizer.fn,
      // An Alias is an IFunction; CDK's own `T | undefined` fails `exactOptionalPropertyTypes`.
      targets: { ingest: live as lambda.IFunction, query: query.fn, metrics: metrics.fn, keys: keys.fn },
    });
    const readers = [query, metrics, credentials, keys];
    this.functions = [ingest, consumer, flusher, ...readers, operator, authorizer].map((one) => one.vitals);
    new CfnOutput(this, 'ApiUrl', { value: this.api.api.apiEndpoint });
    new CfnOutput(this, 'OperatorFunction', { value: operator.fn.functionName });
  }

  /** The function of this name, in this stage; its id, which is part of every logical id, is the name in capitals. */
  #function(id: Capitalize<BillingFunctionName>, settings: FunctionSettings): BillingFunction {
    const { role, throttlesMax = 0, environment, ...props } = settings;
    // Read by nobody: a function that uses the data is deployed again where the data's addresses may have changed.
    const carried = role === undefined ? {} : { DATA_REVISION: this.#data.revision };
    return new BillingFunction(this, id, {
      ...props,
      environment: { ...carried, ...environment },
      // The inverse of `Capitalize`.
      name: id.toLowerCase() as BillingFunctionName,
      stage: this.#stage,
      alarms: { errorsMax: 0, throttlesMax },
      ...(role === undefined ? {} : { placement: this.#data.placementOf(role) }),
    });
  }

  #ingest(): BillingFunction {
    const { envelopeVersion, capacity } = this.#stage;
    const { memoryMb, concurrencyMax } = capacity.ingest;
    const ingest = this.#function('Ingest', {
      description: 'Usage events over HTTP, answered when they are durable in the log',
      memoryMb,
      timeout: httpTimeout,
      role: 'ingest',
      reservedConcurrency: concurrencyMax,
      // One request at a time: waiting for others to group with would only be a delay.
      environment: {
        [ENV_INGEST_LINGER_MS]: '0',
        ...(envelopeVersion === undefined ? {} : { [ENV_INGEST_ENVELOPE_VERSION]: `${envelopeVersion}` }),
        ...this.#quotaSetting(),
        ...this.#otlpSetting(),
      },
    });
    this.#data.grantAppend(ingest.fn);
    this.#data.grantKey(ingest.fn, 'ENCRYPTION_KEY');
    this.#data.grantKey(ingest.fn, 'RECEIPT_KEY');
    if (this.#stage.callerRequestsPerSecond !== undefined) this.#data.grantCache(ingest.fn);
    return ingest;
  }

  #quotaSetting(): Readonly<Record<string, string>> {
    const { callerRequestsPerSecond } = this.#stage;
    if (callerRequestsPerSecond === undefined) return {};
    return { [ENV_CALLER_REQUESTS_PER_SECOND]: String(callerRequestsPerSecond) };
  }

  #otlpSetting(): Readonly<Record<string, string>> {
    const { otlpOrganization } = this.#stage;
    return otlpOrganization === undefined ? {} : { [ENV_OTLP_ORGANIZATION]: otlpOrganization.join(',') };
  }

  /** Warm environments belong to the alias, so all traffic goes to it. */
  #aliasOf({ fn }: BillingFunction): lambda.Alias {
    const { provisioned } = this.#stage.capacity.ingest;
    return new lambda.Alias(this, 'IngestLive', {
      aliasName: 'live',
      // A Version is an IVersion, as an Alias is an IFunction.
      version: fn.currentVersion as lambda.IVersion,
      ...(provisioned === 0 ? {} : { provisionedConcurrentExecutions: provisioned }),
    });
  }

  #consumer(): BillingFunction {
    const { consumerMemoryMb, log } = this.#stage.capacity;
    const consumer = this.#function('Consumer', {
      description: 'Records of the log, decoded and folded into segments',
      memoryMb: consumerMemoryMb,
      timeout: Duration.millis(consumerTimeoutMs),
      role: 'consumer',
      // A partition is never read by two at once; a burst elsewhere cannot take this share.
      reservedConcurrency: log.partitions,
    });
    this.#data.grantCache(consumer.fn);
    this.#data.grantKey(consumer.fn, 'SEGMENT_KEY');
    this.pollers.push(...this.#data.consumeLog(consumer.fn));
    return consumer;
  }

  #flusher(): BillingFunction {
    const flusher = this.#function('Flusher', {
      description: 'Commits ranges of the log to the shards',
      memoryMb: this.#stage.capacity.flusherMemoryMb,
      timeout: Duration.millis(flusherTimeoutMs),
      role: 'flusher',
      // One for each shard; a tick that finds its shard's invocation still running commits nothing twice (U3).
      reservedConcurrency: shardCount,
      // The scheduler invokes asynchronously: without this, ticks refused while one runs would queue for 6 hours.
      asyncRetries: { attempts: 0, maxAge: Duration.minutes(1) },
      // A refused tick is tried again for a minute, and each try counts.
      throttlesMax: 15,
    });
    this.#data.grantReadLog(flusher.fn);
    this.#data.grantCache(flusher.fn);
    this.#data.grantShards(flusher.fn, 'writer');
    this.#data.grantKey(flusher.fn, 'SEGMENT_KEY');
    this.#data.keepHeads(flusher.fn);
    // Each runs for most of its minute.
    const ticks = Array.from({ length: shardCount }, (_, shard) => ({
      id: `EveryMinute${shard}`,
      input: { shards: [shard] },
      description: `Commits what is in the log and not in shard ${shard}`,
    }));
    new MinuteSchedule(this, 'FlushSchedule', { fn: flusher.fn, ticks });
    return flusher;
  }

  #query(): BillingFunction {
    const query = this.#function('Query', {
      description: 'Committed totals, single events, liveness and readiness over HTTP',
      memoryMb: oneCpuMb,
      timeout: httpTimeout,
      role: 'query',
      reservedConcurrency: readConcurrency.query,
      environment: this.#quotaSetting(),
    });
    // Records that receipts name, one each.
    this.#data.grantReadLog(query.fn);
    this.#data.grantCache(query.fn);
    this.#data.grantShards(query.fn, 'reader');
    this.#data.grantKey(query.fn, 'RECEIPT_KEY');
    return query;
  }

  /** Reads what query reads, so it has the same place in the network. */
  #metrics(): BillingFunction {
    const metrics = this.#function('Metrics', {
      description: 'Figures of the pipeline, as JSON and for Prometheus',
      memoryMb: oneCpuMb,
      timeout: httpTimeout,
      role: 'query',
      reservedConcurrency: readConcurrency.metrics,
    });
    this.#data.grantReadLog(metrics.fn);
    this.#data.grantCache(metrics.fn);
    this.#data.grantShards(metrics.fn, 'reader');
    return metrics;
  }

  #operator(): BillingFunction {
    const operator = this.#function('Operator', {
      description: 'What an operator asks for: migrate, verify, halts, resume, quarantine',
      memoryMb: oneCpuMb,
      timeout: Duration.minutes(14),
      role: 'operator',
    });
    this.#data.grantDescribeLog(operator.fn);
    // The passwords of the other logins, because migrating also sets them.
    for (const login of ['owner', 'operator', 'writer', 'reader', 'authorizer', 'keys'] as const)
      this.#data.grantShards(operator.fn, login);
    return operator;
  }

  /** Inside of the network, for the authorizer, which is outside. */
  #credentials(): BillingFunction {
    const credentials = this.#function('Credentials', {
      description: 'API keys of the shards, for the authorizer',
      memoryMb: 512,
      timeout: Duration.seconds(10),
      role: 'keys',
      reservedConcurrency: readConcurrency.credentials,
      // Uses that are not stored come again a minute later.
      asyncRetries: { attempts: 0, maxAge: Duration.minutes(1) },
    });
    this.#data.grantShards(credentials.fn, 'authorizer');
    return credentials;
  }

  #keys(): BillingFunction {
    const keys = this.#function('Keys', {
      description: 'Makes, lists and revokes API keys; compares those of the shards',
      memoryMb: 512,
      timeout: Duration.millis(keysTimeoutMs),
      role: 'keys',
      reservedConcurrency: readConcurrency.keys,
      // As for the flusher: a tick that cannot run is no use later.
      asyncRetries: { attempts: 0, maxAge: Duration.minutes(1) },
    });
    this.#data.grantShards(keys.fn, 'keys');
    this.#data.grantKey(keys.fn, 'API_KEY_HASH_SECRET');
    // A shard that was away answers for no key before it is compared.
    const compare = {
      id: 'EveryMinute',
      input: { compare: true },
      description: 'Compares the API keys of the shards',
    };
    new MinuteSchedule(this, 'CompareSchedule', { fn: keys.fn, ticks: [compare] });
    return keys;
  }

  /** Outside the network, because the issuer's key set is on the internet. */
  #authorizer(credentials: lambda.Function): BillingFunction {
    const { issuer, audience, jwksUrl } = this.#stage.identity;
    const authorizer = this.#function('Authorizer', {
      description: 'Who calls, by bearer token or API key',
      memoryMb: 512,
      // As long as API Gateway waits: a cold start reads the secret, twice if it must.
      timeout: Duration.seconds(10),
      environment: {
        [ENV_JWT_ISSUER]: issuer,
        [ENV_JWT_AUDIENCE]: audience,
        [ENV_CREDENTIALS_FUNCTION]: credentials.functionName,
        ...(jwksUrl === undefined ? {} : { [ENV_JWT_JWKS_URL]: jwksUrl }),
      },
    });
    for (const key of ['JWT_SECRET', 'JWT_SECRET_PREVIOUS', 'API_KEY_HASH_SECRET'] as const)
      this.#data.grantKey(authorizer.fn, key);
    // Not `grantInvoke`, which grants the function's versions too; it has none.
    const invoke = { actions: ['lambda:InvokeFunction'], resources: [credentials.functionArn] };
    authorizer.fn.addToRolePolicy(new iam.PolicyStatement(invoke));
    return authorizer;
  }
}
