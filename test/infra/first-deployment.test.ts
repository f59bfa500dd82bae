/** What would stop the first deployment, wrong its repetition, or reach the wrong account: rules over every template. */
import { KafkaVersion } from '@aws-cdk/aws-msk-alpha';
import { App, CfnResource, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { capacities } from '../../infra/config/capacity.ts';
import { local } from '../../infra/config/local.ts';
import { production } from '../../infra/config/production.ts';
import { assertStage, type Stage } from '../../infra/config/stage.ts';
import { staging } from '../../infra/config/staging.ts';
import { kafkaVersion } from '../../infra/constructs/usage-log.ts';
import { synthesize, synthesizeApp, type Template, templateOf } from './synthesize.ts';

const profiles: readonly (readonly [string, Stage])[] = [
  ['production', production],
  ['production at 5M', { ...production, capacity: capacities['5M'] }],
  ['production at 10M', { ...production, capacity: capacities['10M'] }],
  ['staging', staging],
  ['local', local],
];

interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

function resourcesOf(template: Template): readonly (readonly [string, Resource])[] {
  const { Resources }: { Resources: Record<string, Resource> } = template.toJSON() as never;
  return Object.entries(Resources);
}

/** The rules, each over one resource: what it finds is a deployment that fails, or one that cannot be repeated. */
const rules: Readonly<Record<string, (resource: Resource) => boolean>> = {
  'kept where its own creation is rolled back': ({ DeletionPolicy }) => DeletionPolicy === 'Retain',
  'a minor version that AWS moves on': ({ Properties }) =>
    Properties?.['AutoMinorVersionUpgrade'] === true && /\d\.\d/.test(String(Properties['EngineVersion'])),
  'a version of Kafka that MSK does not know': ({ Type, Properties }) =>
    Type === 'AWS::MSK::Cluster' && !kafkaVersions.has(String(Properties?.['KafkaVersion'])),
  'a configuration by the number of its first revision': ({ Type, Properties }) =>
    Type === 'AWS::MSK::Cluster' && /"Revision":\d/.test(JSON.stringify(Properties)),
  'a name that stops its own replacement': ({ Type, Properties }) =>
    Type === 'AWS::ElastiCache::ReplicationGroup' && Properties?.['ReplicationGroupId'] !== undefined,
};

/** Express brokers take these, as their API answered; each is also one of those that CDK knows. */
const expressVersions = ['3.8.x', '3.9.x.kraft', '4.2.x.kraft'];
const kafkaVersions = new Set(
  Object.values(KafkaVersion).flatMap((one) =>
    one instanceof KafkaVersion && expressVersions.includes(one.version) ? [one.version] : [],
  ),
);

function broken(template: Template): readonly string[] {
  return resourcesOf(template).flatMap(([id, resource]) =>
    Object.entries(rules).flatMap(([rule, finds]) => (finds(resource) ? [`${id}: ${rule}`] : [])),
  );
}

it.each(profiles)('no template of %s breaks a rule', (_name, stage) => {
  const { templates, findings } = synthesize(stage);
  expect([templates.size > 2, findings]).toEqual([true, []]);
  const found = [...templates.values()].flatMap(broken);
  expect(found).toEqual([]);
});

it('every rule finds what it is for', () => {
  const stack = new Stack(new App(), 'Probe');
  const cluster = { type: 'AWS::MSK::Cluster', properties: { KafkaVersion: '4.2.x' } };
  new CfnResource(stack, 'Kept', { type: 'AWS::KMS::Key' }).applyRemovalPolicy(RemovalPolicy.RETAIN);
  new CfnResource(stack, 'Version', cluster);
  new CfnResource(stack, 'Revision', {
    ...cluster,
    properties: { KafkaVersion: kafkaVersion, ConfigurationInfo: { Revision: 1 } },
  });
  new CfnResource(stack, 'Minor', {
    type: 'AWS::RDS::DBInstance',
    properties: { AutoMinorVersionUpgrade: true, EngineVersion: '18.6' },
  });
  new CfnResource(stack, 'Named', {
    type: 'AWS::ElastiCache::ReplicationGroup',
    properties: { ReplicationGroupId: 'odometer' },
  });
  const [template] = synthesizeApp(App.of(stack) as App).templates.values();
  expect(
    template &&
      broken(template)
        .map((found) => found.split(': ')[1])
        .sort(),
  ).toEqual(Object.keys(rules).sort());
});

describe('cdk-preflight', () => {
  it('finds nothing in any stage', () => {
    for (const [, stage] of profiles)
      expect(synthesize(stage).findings.filter((finding) => finding.includes('pf-'))).toEqual([]);
  });

  it('does look: a version of Kafka that MSK does not know is found', () => {
    const app = new App();
    new CfnResource(new Stack(app, 'Probe'), 'Settings', {
      type: 'AWS::MSK::Configuration',
      properties: { Name: 'probe', ServerProperties: 'a=b', KafkaVersionsList: ['4.2.x'] },
    });
    expect(synthesizeApp(app).findings.join()).toContain('pf-msk-config-kafka-versions-unknown');
  });
});

describe('a first creation that fails', () => {
  const first = synthesize(production, { first: true });

  it('leaves nothing that the next one meets: nothing is protected until it is there', () => {
    const protectedOnes = [...first.templates.values()]
      .flatMap(resourcesOf)
      .filter(([, { Properties }]) => Properties?.['DeletionProtection'] === true);
    expect(protectedOnes.map(([id]) => id)).toEqual([]);
    expect(first.terminationProtected).toEqual([]);
  });

  it('from the second deployment on, every stack of production and every cluster is protected', () => {
    const { templates, terminationProtected } = synthesize(production);
    expect([...terminationProtected].sort()).toEqual([...templates.keys()].sort());
    const clusters = resourcesOf(templateOf(production, 'Data')).filter(
      ([, { Type }]) => Type === 'AWS::RDS::DBCluster',
    );
    expect(clusters.every(([, { Properties }]) => Properties?.['DeletionProtection'] === true)).toBe(true);
    expect(synthesize(staging).terminationProtected).toEqual([]);
  });
});

describe('the values of a stage', () => {
  const deployed: Stage = {
    ...production,
    account: '210987654321',
    identity: { issuer: 'https://id.odometer.dev/', audience: 'odometer' },
    alarmEmails: ['oncall@odometer.dev'],
  };

  it('are taken as they are in the repository, and where none of them is an example', () => {
    for (const stage of [production, staging, local, deployed])
      expect(() => assertStage(stage)).not.toThrow();
  });

  it.each<[string, Partial<Stage>, RegExp]>([
    ['an alarm of production that nobody hears', { alarmEmails: [] }, /nobody hears/],
    ['no account for production', { account: undefined as never }, /account/],
    ['an account that is none', { account: '1234' }, /twelve digits/],
    ['an example address beside a real account', { alarmEmails: ['a@example.com'] }, /example\.com/],
    ['an example issuer beside a real account', { identity: production.identity }, /example\.com/],
  ])('are refused: %s', (_name, changed, message) => {
    expect(() => assertStage({ ...deployed, ...changed })).toThrow(message);
  });

  it('pin the account: every stack of staging and production names the one of its file', () => {
    for (const stage of [production, staging])
      expect(new Set(synthesize(stage).accounts)).toEqual(new Set([stage.account]));
  });
});

describe('what one stack knows of another', () => {
  const environments = (stage: Stage) =>
    resourcesOf(templateOf(stage, 'App')).filter(
      ([, { Type, Properties }]) =>
        Type === 'AWS::Lambda::Function' &&
        JSON.stringify(Properties?.['VpcConfig'] ?? '').includes('Subnet'),
    );
  const changed = (one: Stage, other: Stage, stack: string) => {
    const after = new Map(resourcesOf(templateOf(other, stack)));
    const text = (resource: Resource | undefined) => JSON.stringify(resource);
    return resourcesOf(templateOf(one, stack)).flatMap(([id, resource]) =>
      text(resource) === text(after.get(id)) ? [] : [id],
    );
  };

  it.each<[string, Stage]>([
    [
      'the number of brokers',
      {
        ...production,
        capacity: { ...production.capacity, log: { ...production.capacity.log, brokers: 6 } },
      },
    ],
    [
      'the addresses of the network',
      { ...production, data: { ...production.data, vpcCidr: '10.99.0.0/16' } as never },
    ],
    [
      'the class of the shards',
      { ...production, capacity: { ...production.capacity, shardInstance: 'r8g.xlarge' } },
    ],
  ])('changes the functions that use it, so that they are deployed: %s', (_name, other) => {
    const inside = environments(production).map(([id]) => id);
    expect(inside.length).toBe(8);
    expect(inside.filter((id) => !changed(production, other, 'App').includes(id))).toEqual([]);
  });

  it('looks the brokers up again when their number, type or version changes', () => {
    const lookup = resourcesOf(templateOf(production, 'Data')).find(
      ([, { Type }]) => Type === 'Custom::BootstrapBrokers',
    );
    expect(lookup?.[1].Properties).toMatchObject({
      Brokers: 3,
      BrokerType: 'express.m7g.large',
      KafkaVersion: kafkaVersion,
    });
  });

  const rotated = (login: string): Stage => {
    const { data } = production;
    if (data.kind !== 'managed') throw new Error('production is managed');
    return { ...production, data: { ...data, passwords: { ...data.passwords, [login]: 2 } } };
  };

  it.each(['writer', 'reader', 'operator'])(
    'a new password of %s changes its secret and its addresses, and migrates the shards',
    (login) => {
      const ids = changed(production, rotated(login), 'Data').map((id) => id.replace(/[0-9A-F]{8}$/, ''));
      expect(ids.sort()).toEqual([`LedgerShards${login}password`, `shard${login}urls`].sort());
      expect(changed(production, rotated(login), 'App').join()).toContain('ShardMigrationMigrated');
    },
  );

  it('a new password of the owner changes its secret, its addresses and the four clusters', () => {
    const ids = changed(production, rotated('owner'), 'Data').map((id) => id.replace(/[0-9A-F]{8}$/, ''));
    expect(ids.sort()).toEqual(
      [
        'LedgerShardsownerpassword',
        'shardownerurls',
        ...[0, 1, 2, 3].map((shard) => `LedgerShardsShard${shard}`),
      ].sort(),
    );
  });

  it('a new password of the cache changes its secret, its address and the nodes', () => {
    const ids = changed(production, rotated('cache'), 'Data').map((id) => id.replace(/[0-9A-F]{8}$/, ''));
    expect(ids.sort()).toEqual(['SegmentCacheNodes', 'SegmentCachePassword', 'redisurl']);
  });
});

describe('a zone that fails', () => {
  it('holds the writers of at most two shards, and never a shard’s writer and reader', () => {
    const zones = resourcesOf(templateOf(production, 'Data')).flatMap(([id, { Type, Properties }]) =>
      Type === 'AWS::RDS::DBInstance' ? [[id, String(Properties?.['AvailabilityZone'])] as const] : [],
    );
    const of = (shard: number, part: string) =>
      zones.find(([id]) => id.includes(`Shard${shard}${part}`))?.[1] ?? 'none';
    const writers = [0, 1, 2, 3].map((shard) => of(shard, 'writer'));
    expect(writers).not.toContain('none');
    expect(
      Math.max(
        ...Map.groupBy(writers, (zone) => zone)
          .values()
          .map((group) => group.length),
      ),
    ).toBe(2);
    for (const shard of [0, 1, 2, 3]) expect(of(shard, 'writer')).not.toBe(of(shard, 'reader'));
  });
});

describe('what is kept for ever, and by whom', () => {
  it('everything that holds data, or that its database needs, is kept when its stack is deleted', () => {
    const kept = resourcesOf(templateOf(production, 'Data')).filter(
      ([, { Type, Properties }]) =>
        /^AWS::(?:MSK::(?:Cluster|Topic)|RDS::DB(?:Cluster|Instance|SubnetGroup)|SecretsManager::Secret)$/.test(
          Type,
        ) && !JSON.stringify(Properties).includes('SegmentCache'),
    );
    expect(kept.length).toBeGreaterThan(25);
    const policies = (one: Resource) => [one.DeletionPolicy, one.UpdateReplacePolicy].join();
    expect(
      kept
        .filter(
          ([id, one]) => policies(one) !== 'RetainExceptOnCreate,Retain' && !id.startsWith('SegmentCache'),
        )
        .map(([id]) => id),
    ).toEqual([]);
  });

  it('U12: the heads of the chains go to a bucket where nobody can change or delete them, in a stack of its own', () => {
    const evidence = templateOf(production, 'Evidence');
    evidence.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 3653 } },
        },
      },
    });
    templateOf(production, 'App').hasResourceProperties('AWS::Logs::SubscriptionFilter', {
      FilterPattern: '"ledger heads"',
    });
  });

  it('no log is kept for ever: every group, and every log that RDS writes, has a retention', () => {
    const all = [...synthesize(production).templates.values()].flatMap(resourcesOf);
    const groups = all.filter(([, { Type }]) => Type === 'AWS::Logs::LogGroup');
    expect(groups.length).toBeGreaterThan(8);
    expect(groups.filter(([, { Properties }]) => !Properties?.['RetentionInDays']).map(([id]) => id)).toEqual(
      [],
    );
    const exported = all.filter(
      ([, { Properties }]) => Properties?.['EnableCloudwatchLogsExports'] !== undefined,
    );
    const retained = all.filter(([, { Type }]) => Type === 'Custom::LogRetention');
    expect(exported).toHaveLength(4);
    expect(retained).toHaveLength(exported.length);
  });
});
