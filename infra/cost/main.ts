/** `odometer cost`: what an installation costs a month. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Report } from '../../shared/contracts/command.ts';
import { stageNamed } from '../config/stages.ts';
import { assumptions } from './assumptions.ts';
import { organizationCeiling } from './ceiling.ts';
import { type Estimate, estimate, type Load } from './estimate.ts';
import { pricesOf } from './prices.ts';

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
    .option('--stage <name>', 'A stage of infra/config, whose region decides the prices.', 'production')
    .addHelpText('after', '\nExample: odometer cost --events-per-minute 1200000 --batch 100')
    .action(({ eventsPerMinute, batch, stage }: Omit<Load, 'region'> & { readonly stage: string }) => {
      const load = { eventsPerMinute, batch, region: stageNamed(stage).region };
      const found = estimated(command, load);
      const { factor, because, assumed, date } = pricesOf(load.region);
      const priced = { date, factor, because, assumed };
      const ceiling = organizationCeiling();
      report({ json: { ...load, ...found, prices: priced, ceiling }, text: textOf(load, found) });
    });
}

/** A load that the profile would refuse in part is wrong usage. */
function estimated(command: Command, load: Load): Estimate {
  try {
    return estimate(load);
  } catch (error) {
    if (error instanceof RangeError) command.error(`error: ${error.message}`);
    throw error;
  }
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
  const { eventsPerMinute, batch, region } = load;
  const { date, factor, because, assumed } = pricesOf(region);
  const mark = factor === 1 ? '' : ' assumed';
  const lines = [
    `${eventsPerMinute.toLocaleString('en')} events a minute, ${batch} a request: ` +
      `${Math.round(found.requestsPerSecond).toLocaleString('en')} requests/s, profile ${found.profile}`,
    '',
    ...Object.entries(found.services).map(([name, cost]) => `${name.padEnd(30)}${dollars(cost)}${mark}`),
    `${'Total, USD a month'.padEnd(30)}${dollars(found.total)}`,
    `${'USD per million events'.padEnd(30)}${found.perMillionEvents.toFixed(3).padStart(12)}`,
    '',
    ...(factor === 1 ? [] : [`assumed: the price of us-east-1 x ${factor}, because ${because}.`]),
    `Assumed for us-east-1 as well: ${assumed.join('; ')}.`,
    `One organization: ${organizationCeiling().eventsPerMinute.toLocaleString('en')} events a minute at most, counted in seconds.`,
    `Prices of ${date}, ${region}, on demand, without tax and support. Assumed: ${assumptions.retentionDays} days of log, ` +
      `${assumptions.rowDaysKept} days of rows, constant load; see infra/cost/assumptions.ts.`,
  ];
  return lines.join('\n');
}
