import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runbookSections } from '../../infra/alarms/runbook.ts';
import { production } from '../../infra/config/production.ts';
import { functionMetrics } from '../../shared/contracts/metrics.ts';
import { propertiesOf, templateOf } from './synthesize.ts';

const runbook = readFileSync(join(import.meta.dirname, '../../infra/RUNBOOK.md'), 'utf8');
const sections = [...runbook.matchAll(/^## (\S+)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)].map(
  ([, name = '', text = '']) => ({ name, text }),
);
const alarms = () => propertiesOf(templateOf(production, 'Monitoring'), 'AWS::CloudWatch::Alarm');
const sectionOf = (alarm: Record<string, unknown>) =>
  /infra\/RUNBOOK\.md#([a-z0-9-]+)$/.exec(String(alarm['AlarmDescription']))?.[1];

it('every alarm names a section of the runbook, notifies somebody, and says when it is over', () => {
  const names = sections.map(({ name }) => name);
  expect(alarms().length).toBeGreaterThan(30);
  for (const alarm of alarms()) {
    expect(names).toContain(sectionOf(alarm));
    expect(alarm['AlarmActions']).toHaveLength(1);
    expect(alarm['OKActions']).toHaveLength(1);
  }
});

it('every section of the runbook has an alarm', () => {
  const rung = new Set(alarms().map(sectionOf));
  expect(sections.map(({ name }) => name)).toEqual([...runbookSections]);
  expect(sections.map(({ name }) => name).filter((name) => !rung.has(name))).toEqual([]);
});

it.each(sections)(
  'section $name says what it means, where to look, what to do and whom to ask',
  ({ text }) => {
    for (const part of ['Meaning', 'First look', 'Remedy', 'Escalation'])
      expect(text).toContain(`**${part}.** `);
  },
);

const minute = 60;
const [nodes, shards, functions] = [3, 4, 9];

/** How many alarms there are, what they read, above which value they ring, and after how many seconds. */
it.each([
  ['in-flight-age', 1, 'OldestInFlight', 60, 3 * minute],
  ['consumer-lag', 1, 'LagRecords', 1_000, 5 * minute],
  ['partition-halted', 1, 'PartitionsHalted', 0, minute],
  ['partition-waiting', 1, 'PartitionsWaiting', 0, 3 * minute],
  ['ledger-log-difference', 1, 'LedgerLogDifference', 0, minute],
  ['quarantine-growth', 1, 'EventsQuarantined', 0, minute],
  ['flusher-missing', 1, 'Invocations', 0, 3 * minute],
  ['shard-silent', shards, 'LagRecords', 0, 3 * minute],
  ['api-5xx', 1, '5xx', 1, 5 * minute],
  ['api-latency', 1, 'Latency', 65, 15 * minute],
  ['function-errors', functions, 'Errors', 0, 5 * minute],
  ['cache-memory', nodes, 'DatabaseMemoryUsagePercentage', 75, 5 * minute],
  ['cache-evictions', nodes, 'Evictions', 0, minute],
  ['shard-storage', shards, 'VolumeBytesUsed', 128 * 1024 ** 4, 5 * minute],
  ['shard-connections', shards, 'DatabaseConnections', 500, 10 * minute],
])('%s: %i alarms on %s above %d for %d s', (section, count, metric, above, seconds) => {
  const ringing = alarms().filter((alarm) => sectionOf(alarm) === section);
  expect(ringing).toHaveLength(count);
  for (const alarm of ringing) {
    const text = JSON.stringify(alarm);
    expect(text).toContain(`"MetricName":"${metric}"`);
    expect(alarm).toMatchObject({ Threshold: above, ComparisonOperator: 'GreaterThanThreshold' });
    const [, period] = /"Period":(\d+)/.exec(text) ?? [];
    expect(Number(alarm['EvaluationPeriods']) * Number(period)).toBe(seconds);
  }
});

it('every function rings when it is refused; ticks of the flusher that are tried again are normal', () => {
  const throttles = alarms().filter((alarm) => sectionOf(alarm) === 'function-throttles');
  expect(throttles.map(({ Threshold }) => Threshold).sort()).toEqual([
    ...Array.from({ length: functions - 1 }, () => 0),
    15,
  ]);
});

it('a silent flusher rings, and a silent shard by its own gauge, where silence is filled and where nothing is', () => {
  const silent = ['flusher-missing', 'shard-silent'].flatMap((section) =>
    alarms().filter((alarm) => sectionOf(alarm) === section),
  );
  expect(silent).toHaveLength(1 + shards);
  for (const alarm of silent) {
    expect(alarm).toMatchObject({ TreatMissingData: 'breaching' });
    expect(JSON.stringify(alarm)).toContain('IF(FILL(seen, 0) > 0, 0, 1)');
  }
  const gauges = silent
    .slice(1)
    .map((alarm) => /"Name":"shard","Value":"(\d)"/.exec(JSON.stringify(alarm))?.[1]);
  expect(gauges).toEqual(['0', '1', '2', '3']);
});

it('every metric of ours has a reader, and no alarm or panel reads one that nobody emits', () => {
  const template = JSON.stringify(templateOf(production, 'Monitoring').toJSON());
  const plain = template.replaceAll('\\', '');
  const alarmed = [...plain.matchAll(/"MetricName":"(\w+)","Namespace":"Odometer"/g)];
  const shown = [...plain.matchAll(/\["Odometer","(\w+)"/g)];
  const read = new Set([...alarmed, ...shown].map(([, name]) => name));
  expect([...read].sort()).toEqual(Object.values(functionMetrics).flatMap(Object.keys).sort());
});
