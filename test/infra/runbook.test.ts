import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { production } from '../../infra/config/production.ts';
import { runbookSections } from '../../infra/constructs/runbook.ts';
import { functionMetrics } from '../../shared/contracts/metrics.ts';
import { propertiesOf, templateOf } from './synthesize.ts';

const runbook = readFileSync(join(import.meta.dirname, '../../infra/RUNBOOK.md'), 'utf8');
const sections = [...runbook.matchAll(/^## (\S+)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)].map(
  ([, name = '', text = '']) => ({ name, text }),
);
const alarms = () => propertiesOf(templateOf(production, 'Monitoring'), 'AWS::CloudWatch::Alarm');
const sectionOf = (alarm: Record<string, unknown>) =>
  /infra\/RUNBOOK\.md#([a-z0-9-]+)$/.exec(String(alarm['AlarmDescription']))?.[1];

it('every alarm names a section of the runbook, tells somebody, and says when it is over', () => {
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

it('an evicted key and a halted partition ring at the first occurrence', () => {
  for (const section of ['cache-evictions', 'partition-halted']) {
    const ringing = alarms().filter((alarm) => sectionOf(alarm) === section);
    expect(ringing.length).toBeGreaterThan(0);
    for (const alarm of ringing)
      expect(alarm).toMatchObject({
        Threshold: 0,
        EvaluationPeriods: 1,
        ComparisonOperator: 'GreaterThanThreshold',
      });
  }
});

it('a silent flusher rings', () => {
  const [alarm] = alarms().filter((one) => sectionOf(one) === 'flusher-missing');
  expect(alarm).toMatchObject({ TreatMissingData: 'breaching' });
});

it('every metric of ours has a reader, and no alarm or panel reads one that nobody emits', () => {
  const template = JSON.stringify(templateOf(production, 'Monitoring').toJSON());
  const plain = template.replaceAll('\\', '');
  const alarmed = [...plain.matchAll(/"MetricName":"(\w+)","Namespace":"Odometer"/g)];
  const shown = [...plain.matchAll(/\["Odometer","(\w+)"/g)];
  const read = new Set([...alarmed, ...shown].map(([, name]) => name));
  expect([...read].sort()).toEqual(Object.values(functionMetrics).flatMap(Object.keys).sort());
});
