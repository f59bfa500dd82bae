import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { pipelineDashboardText } from '../../localstack/grafana/pipeline-dashboard.ts';
import { pipelineFigures } from '../../shared/contracts/metrics.ts';

const folder = new URL('../../localstack/grafana/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, folder), 'utf8');
const dashboard = z
  .object({ panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })).optional() })) })
  .parse(JSON.parse(read('dashboards/pipeline.json')));

it('the dashboard in the repository is what npm run dashboards makes', () => {
  expect(read('dashboards/pipeline.json')).toBe(pipelineDashboardText());
});

it('there is no panel without a figure and no figure without a panel', () => {
  const drawn = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const figures = Object.keys(pipelineFigures).map((figure) => `odometer_${figure}`);
  expect(drawn.toSorted()).toEqual(figures.toSorted());
});
