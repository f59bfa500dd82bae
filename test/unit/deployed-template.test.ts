import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readMapping, readSchedules } from '../../localstack/deployed/template.ts';

const snapshot = (stage: string) =>
  join(import.meta.dirname, '..', 'infra', 'snapshots', `${stage}-app.json`);
const folder = mkdtempSync(join(tmpdir(), 'odometer-template-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The local template with one property of the mapping changed. */
function altered(property: string, value: unknown): string {
  const template = JSON.parse(readFileSync(snapshot('local'), 'utf8')) as {
    Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>;
  };
  const mapping = Object.values(template.Resources).find(
    ({ Type }) => Type === 'AWS::Lambda::EventSourceMapping',
  );
  Object.assign(mapping?.Properties ?? {}, { [property]: value });
  const file = join(folder, `${property}.json`);
  writeFileSync(file, JSON.stringify(template));
  return file;
}

it.each(['local', 'production'])('the mapping of the stage %s is what the stacks declare', (stage) => {
  expect(readMapping(snapshot(stage))).toEqual({
    functionId: expect.stringMatching(/^ConsumerFunction/),
    topic: 'billing.usage.events',
    groupId: 'usage_processor_group',
    recordsMax: 5000,
    windowMs: 0,
  });
});

it('the target of each shard’s schedule is the flusher, and keys compares the shards', () => {
  const functionId = expect.stringMatching(/^FlusherFunction/);
  expect(readSchedules(snapshot('local'))).toEqual([
    ...[0, 1, 2, 3].map((shard) => ({ functionId, input: { shards: [shard] } })),
    { functionId: expect.stringMatching(/^KeysFunction/), input: { compare: true } },
  ]);
});

it.each([
  ['StartingPosition', 'LATEST'],
  ['MaximumRetryAttempts', 10],
  ['FunctionResponseTypes', []],
  ['FilterCriteria', { Filters: [] }],
  ['DestinationConfig', { OnFailure: {} }],
  ['SelfManagedKafkaEventSourceConfig', undefined],
])('a mapping that would do something else is refused, with the name of it: %s', (property, value) => {
  const named = value === undefined ? 'the consumer group has no name' : property;
  expect(() => readMapping(altered(property, value))).toThrow(named);
});

it('a template without a mapping is refused', () => {
  const data = join(import.meta.dirname, '..', 'infra', 'snapshots', 'local-data.json');
  expect(() => readMapping(data)).toThrow('has 0 of AWS::Lambda::EventSourceMapping');
});
