/** What would lose or leak money if a template said something else. */
import { App, Stack, aws_s3 as s3 } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { assertCapacity, capacities } from '../../infra/config/capacity.ts';
import { local } from '../../infra/config/local.ts';
import { production } from '../../infra/config/production.ts';
import { stageNamed } from '../../infra/config/stages.ts';
import { staging } from '../../infra/config/staging.ts';
import { topicSettings } from '../../infra/constructs/usage-log.ts';
import { methodsOf, routes } from '../../shared/contracts/routes.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { propertiesOf, synthesize, synthesizeApp, templateOf } from './synthesize.ts';

const app = () => templateOf(production, 'App');
const data = () => templateOf(production, 'Data');

describe('the event source mapping', () => {
  const mapping = () => {
    const [first, ...others] = propertiesOf(app(), 'AWS::Lambda::EventSourceMapping');
    expect(others).toEqual([]);
    return first ?? {};
  };

  it('reads from the beginning, in a group that keeps its name', () => {
    expect(mapping()).toMatchObject({
      StartingPosition: 'TRIM_HORIZON',
      Topics: ['billing.usage.events'],
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: 'usage_processor_group' },
    });
  });

  it('retries for ever and loses nothing on the way', () => {
    expect(mapping()).toMatchObject({
      MaximumRetryAttempts: -1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    for (const lossy of [
      'DestinationConfig',
      'FilterCriteria',
      'MaximumRecordAgeInSeconds',
      'BisectBatchOnFunctionError',
    ])
      expect(mapping()).not.toHaveProperty(lossy);
  });

  it('is provisioned, without a window, with at most one poller a partition', () => {
    expect(mapping()).toMatchObject({
      MaximumBatchingWindowInSeconds: 0,
      ProvisionedPollerConfig: { MinimumPollers: 2, MaximumPollers: 10 },
    });
  });

  it('is declared in the same words for the emulator', () => {
    const [declared] = propertiesOf(templateOf(local, 'App'), 'AWS::Lambda::EventSourceMapping');
    expect(declared).toMatchObject({
      StartingPosition: 'TRIM_HORIZON',
      Topics: ['billing.usage.events'],
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'usage_processor_group' },
      MaximumRetryAttempts: -1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(declared).not.toHaveProperty('DestinationConfig');
  });
});

describe('the log', () => {
  it('has three brokers in three zones, TLS and IAM only, and no public access', () => {
    data().hasResourceProperties('AWS::MSK::Cluster', {
      NumberOfBrokerNodes: 3,
      BrokerNodeGroupInfo: {
        InstanceType: Match.stringLikeRegexp('^express\\.'),
        ClientSubnets: [Match.anyValue(), Match.anyValue(), Match.anyValue()],
        ConnectivityInfo: { PublicAccess: { Type: 'DISABLED' } },
      },
      ClientAuthentication: { Sasl: { Iam: { Enabled: true } }, Unauthenticated: { Enabled: false } },
      EncryptionInfo: {
        EncryptionAtRest: { DataVolumeKMSKeyId: Match.anyValue() },
        EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true },
      },
    });
  });

  it('keeps events for 30 days, in three copies, and outlives its stack', () => {
    const [topic] = Object.values(data().findResources('AWS::MSK::Topic'));
    expect(topic).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
    const { Configs, ...properties } = topic?.['Properties'] ?? {};
    expect(properties).toMatchObject({
      PartitionCount: 20,
      ReplicationFactor: 3,
      TopicName: usageTopic.name,
    });
    const settings = JSON.parse(Buffer.from(Configs, 'base64').toString());
    expect(settings).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '2592000000',
      'retention.bytes': '-1',
    });
  });

  it('needs two in-sync replicas: said to standard brokers, fixed by Express ones', () => {
    expect(topicSettings('kafka.m7g.large')['min.insync.replicas']).toBe('2');
    expect(topicSettings('express.m7g.large')).not.toHaveProperty('min.insync.replicas');
  });
});

describe('the cache', () => {
  it('U6: evicts nothing, and is encrypted, replicated and private', () => {
    data().hasResourceProperties('AWS::ElastiCache::ParameterGroup', {
      Properties: { 'maxmemory-policy': 'noeviction' },
    });
    data().hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      Engine: 'valkey',
      ClusterMode: 'disabled',
      CacheParameterGroupName: Match.anyValue(),
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      AtRestEncryptionEnabled: true,
      TransitEncryptionEnabled: true,
      TransitEncryptionMode: 'required',
      AuthToken: Match.anyValue(),
    });
  });
});

describe('the shards', () => {
  it('are four encrypted clusters with 35 days of backups that no deployment deletes', () => {
    const clusters = Object.values(data().findResources('AWS::RDS::DBCluster'));
    expect(clusters).toHaveLength(4);
    for (const [shard, cluster] of clusters.entries()) {
      expect(cluster).toMatchObject({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
      });
      expect(cluster['Properties']).toMatchObject({
        Engine: 'aurora-postgresql',
        EngineVersion: '18',
        DatabaseName: `billing_shard_${shard}`,
        BackupRetentionPeriod: 35,
        DeletionProtection: true,
        StorageEncrypted: true,
        EnableIAMDatabaseAuthentication: true,
      });
    }
    data().resourceCountIs('AWS::RDS::DBInstance', 8);
    for (const instance of propertiesOf(data(), 'AWS::RDS::DBInstance'))
      expect(instance).toMatchObject({ PubliclyAccessible: false });
    data().hasResourceProperties('AWS::RDS::DBClusterParameterGroup', {
      Parameters: Match.objectLike({ shared_preload_libraries: 'pg_stat_statements', 'rds.force_ssl': '1' }),
    });
  });
});

describe('secrets and keys', () => {
  it('outlive the stack, and no template holds a value', () => {
    const secrets = Object.values(data().findResources('AWS::SecretsManager::Secret'));
    expect(secrets.length).toBeGreaterThan(8);
    for (const { Properties, DeletionPolicy } of secrets) {
      expect(Properties.KmsKeyId).toBeDefined();
      const text = JSON.stringify(Properties.SecretString ?? '');
      if (text.includes('postgres://')) expect(text).toContain('{{resolve:secretsmanager:');
      // Only the cache's password goes with the cache, which holds nothing that must last.
      if (Properties.Name !== undefined) expect(DeletionPolicy).toBe('RetainExceptOnCreate');
    }
  });

  it('turn their keys every year', () => {
    for (const stack of ['Data', 'Monitoring'])
      for (const key of propertiesOf(templateOf(production, stack), 'AWS::KMS::Key'))
        expect(key).toMatchObject({ EnableKeyRotation: true });
  });
});

describe('the functions', () => {
  const named = (name: string) => {
    const found = propertiesOf(app(), 'AWS::Lambda::Function').find(({ Description }) =>
      String(Description).startsWith(name),
    );
    return found ?? {};
  };

  it('run Node 24 and log for ninety days, each into a group of its own', () => {
    const functions = propertiesOf(app(), 'AWS::Lambda::Function');
    expect(functions.length).toBeGreaterThanOrEqual(7);
    for (const fn of functions) expect(fn).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
    for (const { RetentionInDays } of propertiesOf(app(), 'AWS::Logs::LogGroup'))
      expect(RetentionInDays).toBeGreaterThan(0);
  });

  it('the flusher runs once for each shard at most, started every minute, and no tick queues or repeats', () => {
    expect(named('Commits ranges')).toMatchObject({ ReservedConcurrentExecutions: 4, Timeout: 100 });
    app().hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
    app().hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { RetryPolicy: { MaximumRetryAttempts: 0 } },
    });
  });

  it('ingest is warm behind its alias', () => {
    app().hasResourceProperties('AWS::Lambda::Alias', {
      Name: 'live',
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 20 },
    });
  });

  it('only ingest can open properties, and only consumer and flusher can sign segments', () => {
    const holders = (variable: string) =>
      propertiesOf(app(), 'AWS::Lambda::Function')
        .filter((fn) => JSON.stringify(fn['Environment'] ?? {}).includes(`"${variable}"`))
        .map(({ Description }) => String(Description).split(' ')[0]);
    expect(holders('ENCRYPTION_KEY')).toEqual(['Usage']);
    expect(holders('RECEIPT_KEY').sort()).toEqual(['Committed', 'Usage']);
    expect(holders('SEGMENT_KEY').sort()).toEqual(['Commits', 'Records']);
    expect(holders('SHARD_OWNER_URLS')).toEqual(['What']);
    expect(holders('SHARD_WRITER_URLS').sort()).toEqual(['Commits', 'What']);
  });

  it('hold no secret, only names of secrets', () => {
    const text = JSON.stringify(propertiesOf(app(), 'AWS::Lambda::Function').map((fn) => fn['Environment']));
    expect(text).not.toMatch(/postgres:\/\/|rediss?:\/\/|resolve:secretsmanager/);
  });
});

describe('permissions', () => {
  const actions = () =>
    [...synthesize(production).templates.values()].flatMap((template) =>
      propertiesOf(template, 'AWS::IAM::Policy').flatMap(({ PolicyDocument }) => {
        const { Statement } = PolicyDocument as {
          Statement: readonly { Action: string | readonly string[] }[];
        };
        return Statement.flatMap(({ Action }) => Action);
      }),
    );

  it('never cover a whole service', () => {
    expect(actions().length).toBeGreaterThan(20);
    expect(actions().filter((action) => action === '*' || action.endsWith(':*'))).toEqual([]);
  });

  it('let nobody create, alter or delete the topic at run time', () => {
    const kafka = [...new Set(actions().filter((action) => action.startsWith('kafka-cluster:')))].sort();
    expect(kafka).toEqual([
      'kafka-cluster:AlterGroup',
      'kafka-cluster:Connect',
      'kafka-cluster:DescribeClusterDynamicConfiguration',
      'kafka-cluster:DescribeGroup',
      'kafka-cluster:DescribeTopic',
      'kafka-cluster:ReadData',
      'kafka-cluster:WriteData',
    ]);
  });
});

describe('the network', () => {
  it('has no way in or out but the endpoints', () => {
    const network = templateOf(production, 'Network');
    network.resourceCountIs('AWS::EC2::NatGateway', 0);
    network.resourceCountIs('AWS::EC2::InternetGateway', 0);
    network.resourceCountIs('AWS::EC2::Subnet', 3);
    const open = JSON.stringify([
      propertiesOf(network, 'AWS::EC2::SecurityGroupIngress'),
      propertiesOf(network, 'AWS::EC2::SecurityGroup').map(
        ({ SecurityGroupIngress }) => SecurityGroupIngress,
      ),
    ]);
    expect(open).not.toContain('0.0.0.0/0');
  });
});

describe('the API', () => {
  it('serves every route of the contracts, and only public ones without the authorizer', () => {
    const served = propertiesOf(app(), 'AWS::ApiGatewayV2::Route').map(({ RouteKey, AuthorizationType }) => [
      RouteKey,
      AuthorizationType,
    ]);
    const wanted = routes.flatMap((route) =>
      methodsOf(route).map((method) => [`${method} ${route.path}`, 'public' in route ? 'NONE' : 'CUSTOM']),
    );
    expect(served.sort()).toEqual(wanted.sort());
    app().hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'REQUEST',
      EnableSimpleResponses: true,
      IdentitySource: ['$request.header.Authorization'],
    });
  });

  it('has a name of its own where the stage gives one, with the certificate that it names', () => {
    const certificateArn = 'arn:aws:acm:eu-central-1:111122223333:certificate/of-a-test';
    const named = { ...production, domain: { name: 'usage.example.com', certificateArn } };
    templateOf(named, 'App').hasResourceProperties('AWS::ApiGatewayV2::DomainName', {
      DomainName: 'usage.example.com',
      DomainNameConfigurations: [{ CertificateArn: certificateArn, EndpointType: 'REGIONAL' }],
    });
    templateOf(named, 'App').resourceCountIs('AWS::ApiGatewayV2::ApiMapping', 1);
    expect(synthesize(named).findings).toEqual([]);
    app().resourceCountIs('AWS::ApiGatewayV2::DomainName', 0);
  });

  it('logs and throttles its stage', () => {
    app().hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      AccessLogSettings: Match.objectLike({ Format: Match.stringLikeRegexp('requestId') }),
      DefaultRouteSettings: { ThrottlingRateLimit: 2000, ThrottlingBurstLimit: 2000 },
    });
  });
});

describe('checks and profiles', () => {
  it('cdk-nag finds nothing that is not acknowledged, in any stage', () => {
    for (const stage of [production, staging, local]) expect(synthesize(stage).findings).toEqual([]);
  });

  it('cdk-nag does look: an open bucket is found', () => {
    const open = new App();
    new s3.Bucket(new Stack(open, 'Probe'), 'Open');
    expect(synthesizeApp(open).findings.join()).toContain('S1');
  });

  it.each(['1.2M', '5M', '10M'] as const)('the profile for %s events a minute synthesizes', (name) => {
    const stage = { ...production, capacity: capacities[name] };
    const { templates, findings } = synthesize(stage);
    expect([...templates.keys()].sort()).toEqual(['App', 'Data', 'Evidence', 'Monitoring', 'Network']);
    expect(findings).toEqual([]);
  });

  it('a number of partitions that is no multiple of the shards, or not the contract’s, is refused', () => {
    const capacity = capacities['1.2M'];
    expect(() => assertCapacity({ ...capacity, log: { ...capacity.log, partitions: 21 } })).toThrow(
      /multiple/,
    );
    expect(() => assertCapacity({ ...capacity, log: { ...capacity.log, partitions: 40 } })).toThrow(
      /contract/,
    );
  });

  it('production is never meant by silence', () => {
    expect(stageNamed(undefined).name).toBe('staging');
    expect(() => stageNamed('prod')).toThrow(/no stage prod/);
  });
});
