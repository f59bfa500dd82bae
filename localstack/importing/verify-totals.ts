/** Compares committed totals with expected ones, as decimal text. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Client } from '../../client/client.ts';
import { canonicalDecimal } from '../../shared/events/decimal.ts';
import { decodeUtf8 } from '../../shared/events/utf8.ts';
import { UserError } from '../processes/user-error.ts';

/** `orgs` holds the totals; the first and last of `days` bound the summary that is asked for. */
const expectedTotals = z.object({
  days: z.record(z.string(), z.unknown()).refine((days) => Object.keys(days).length > 0, 'must name a day'),
  orgs: z.record(z.string(), z.record(z.string(), z.object({ count: z.number(), total: z.string() }))),
});

const jsonText = z.string().transform((text, issues): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    issues.addIssue('it is not JSON');
    return z.NEVER;
  }
});

export type ExpectedTotals = z.output<typeof expectedTotals>;

/** Throws with the file's name when it is not a file of expected totals. */
export async function readExpectedTotals(path: string): Promise<ExpectedTotals> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UserError(`There is no file ${path} that can be read.`, { cause });
  });
  const parsed = jsonText.pipe(expectedTotals).safeParse(decodeUtf8(bytes) ?? '');
  if (parsed.success) return parsed.data;
  throw new UserError(`${path} does not hold expected totals: ${z.prettifyError(parsed.error)}`);
}

export interface Comparison {
  readonly compared: number;
  /** One sentence for every total that is not as expected. */
  readonly differences: readonly string[];
}

/** Waits until what was accepted before `sinceMs` is committed, then compares every organization and metric. */
export async function verifyTotals(
  client: Pick<Client, 'summary' | 'waitUntilComplete'>,
  expected: ExpectedTotals,
  organizationPrefix: string,
  sinceMs: number,
): Promise<Comparison> {
  const days = Object.keys(expected.days).sort();
  const [first = '', last = first] = [days.at(0), days.at(-1)];
  let compared = 0;
  const differences: string[] = [];
  for (const [name, metrics] of Object.entries(expected.orgs)) {
    const organization = organizationPrefix + name;
    await client.waitUntilComplete(organization, sinceMs);
    const summary = await client.summary(organization, first, last);
    const found = new Map(summary.metrics.map((metric) => [metric.metric_name, metric]));
    for (const metric of new Set([...Object.keys(metrics), ...found.keys()])) {
      compared++;
      const wanted = metrics[metric] === undefined ? 'nothing' : describe(metrics[metric]);
      const actual = found.get(metric);
      const got =
        actual === undefined
          ? 'nothing'
          : describe({ total: actual.total_quantity, count: actual.event_count });
      if (got !== wanted) differences.push(`${organization} ${metric}: expected ${wanted}, found ${got}`);
    }
  }
  return { compared, differences };
}

function describe({ total, count }: { readonly total: string; readonly count: number }): string {
  const decimal = canonicalDecimal(total);
  return `${decimal.ok ? decimal.text : total} in ${count} events`;
}
