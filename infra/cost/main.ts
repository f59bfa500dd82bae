/** `odometer cost`: what an installation costs a month. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Report } from '../../shared/contracts/command.ts';
import { assumptions } from './assumptions.ts';
import { type Estimate, estimate, type Load } from './estimate.ts';
import prices from './prices.json' with { type: 'json' };

const batchMax = 1_000;
const eventsPerMinuteMax = 20_000_000;

export function define(command: Command, report: Report): void {
  command
    .description('Estimates what an installation on AWS costs a month, by service.')
    .requiredOption(
      '--events-per-minute <n>',
      `The constant load, up to ${eventsPerMinuteMax}. Required.`,
      countUpTo(eventsPerMinuteMax),
    )
    .option('--batch <n>', `How many events a request holds, up to ${batchMax}.`, countUpTo(batchMax), 100)
    .addHelpText('after', '\nExample: odometer cost --events-per-minute 1200000 --batch 100')
    .action(({ eventsPerMinute, batch }: Load) => {
      const load = { eventsPerMinute, batch };
      const found = estimate(load);
      report({ json: { ...load, ...found }, text: textOf(load, found) });
    });
}

function countUpTo(max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max.toLocaleString('en')}.`);
  };
}

function dollars(amount: number): string {
  return Math.round(amount).toLocaleString('en').padStart(12);
}

function textOf(load: Load, found: Estimate): string {
  const { eventsPerMinute, batch } = load;
  const lines = [
    `${eventsPerMinute.toLocaleString('en')} events a minute, ${batch} a request: ` +
      `${Math.round(found.requestsPerSecond).toLocaleString('en')} requests/s, profile ${found.profile}`,
    '',
    ...Object.entries(found.services).map(([name, cost]) => `${name.padEnd(30)}${dollars(cost)}`),
    `${'Total, USD a month'.padEnd(30)}${dollars(found.total)}`,
    `${'USD per million events'.padEnd(30)}${found.perMillionEvents.toFixed(3).padStart(12)}`,
    '',
    `Prices of ${prices.date}, ${prices.region}, on demand, without tax and support. Assumed: ${assumptions.retentionDays} days of log, ` +
      `${assumptions.rowDaysKept} days of rows, constant load; see infra/cost/assumptions.ts.`,
  ];
  return lines.join('\n');
}
