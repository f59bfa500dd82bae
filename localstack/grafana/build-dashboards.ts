/**
 * `npm run dashboards`: writes Grafana's dashboard from the contract of the figures. A test compares the file
 * with what this makes, so it is not edited by hand.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipelineDashboardText } from './pipeline-dashboard.ts';

writeFileSync(join(import.meta.dirname, 'dashboards', 'pipeline.json'), pipelineDashboardText());
