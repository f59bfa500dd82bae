import { hash } from 'node:crypto';
import { it } from 'vitest';
import {
  bucketOf,
  partitionOf,
  partitionsOf,
  routeMapVersion,
  shardOf,
} from '../../../shared/log/routing.ts';
import { segmentKeys } from '../../../shared/segments/redis/keys.ts';
import { expectGolden, jsonText } from '../../harness/builders/golden-file.ts';

const organizations = [
  ...Array.from({ length: 12 }, (_, i) => `org_${i}`),
  ...[
    'a',
    'A',
    '0',
    '.',
    '-',
    'acme',
    'Acme',
    'acme.eu',
    'team@example.com',
    'eu:acme',
    'umbrella',
    'monsters',
  ],
  '550e8400-e29b-41d4-a716-446655440000',
  'x'.repeat(128),
];

it('organizations live where the golden file says', async () => {
  const homes = organizations.map((organization) => {
    const partition = partitionOf(organization, 20);
    return [organization, bucketOf(organization), partition, shardOf(partition)].join(' ');
  });
  const buckets = Array.from({ length: 10_000 }, (_, i) => bucketOf(`organization-${i}`));
  const routing = {
    routeMapVersion,
    'organization bucket partition shard': homes,
    sha256OfTenThousandBuckets: hash('sha256', buckets.join(' '), 'hex'),
    partitionsOfShards: [0, 1, 2, 3].map((shard) => partitionsOf({ shard, partitions: 20 }).join(' ')),
    keysOfPartition: segmentKeys('billing.usage.events', 6),
  };
  await expectGolden('formats/routing.json', jsonText(routing));
});
