/** `odometer dashboards`: writes Grafana's dashboard from the contract of the figures. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Report } from '../../shared/contracts/command.ts';
import { pipelineDashboardText } from './pipeline-dashboard.ts';

const file = join(import.meta.dirname, 'dashboards', 'pipeline.json');

export function define(command: Command, report: Report): void {
  command
    .description(
      'Builds the dashboard of Grafana from the contract of the figures. A test compares the file with what this ' +
        'makes, so it is not edited by hand.',
    )
    .addHelpText('after', '\nExample: odometer dashboards')
    .action(() => {
      writeFileSync(file, pipelineDashboardText());
      report({ json: { file }, text: `wrote ${file}` });
    });
}
