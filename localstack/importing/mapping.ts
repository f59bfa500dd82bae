/**
 * How the rows of a file become events, as data: the presets, the files of `--map` and the options of the command are
 * all of this shape. A text names a column, a list the first of its columns that has a value, and `=text` a constant.
 */
import { z } from 'zod';
import { dimensionNamePattern } from '../../shared/events/dimensions.ts';
import { factorOf, quantityUnitNames, timeUnits } from './units.ts';

const columns = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** Values that are put together. In the name of a metric, characters that no name may have become `_`. */
const joined = z.strictObject({ join: z.array(columns).min(1), by: z.string() });

/** A row is meant if its column has one of the values, or none of those that are not. */
const condition = z.strictObject({
  column: z.string().min(1),
  is: z.array(z.string()).optional(),
  not: z.array(z.string()).optional(),
});

const reasoned = condition.extend({ reason: z.string().min(1) });

const event = z.strictObject({
  metric: z.union([columns, joined]),
  quantity: columns.optional(),
  unit: z
    .string()
    .refine((unit) => factorOf(unit) !== null, `must be a factor or one of ${quantityUnitNames.join(', ')}`)
    .optional(),
  fraction_digits: z.int().min(0).max(18).optional(),
  when: condition.optional(),
});

export const mappingShape = z.strictObject({
  about: z.string().optional(),
  /** Columns by which the first row of a file is known when the user names nothing. */
  known_by: z.array(z.string().min(1)).min(1).optional(),
  /** The format of a line of a log. */
  lines: z.string().min(1).optional(),
  /** The lists that hold the rows of a document, from the outside inwards. */
  rows: z.union([z.literal('otlp'), z.array(z.string().min(1)).min(1)]).optional(),
  /** Texts that mean none, beside an empty one. */
  absent: z.array(z.string().min(1)).optional(),
  /** Rows that are no usage, and rows that are usage which cannot be counted. */
  skip: z.array(reasoned).optional(),
  refuse: z.array(reasoned).optional(),
  /** When the period of a row ends: before that it still changes, so it is skipped. */
  period_end: columns.optional(),
  organization: columns.optional(),
  events: z.array(event).min(1).optional(),
  /** All of these columns together are the key: one alone as it is, several as a list in JSON, or put together. */
  key: z.union([columns, joined]).optional(),
  /** Two rows may have the same key and both count: which of them it is becomes part of the key. */
  key_repeats: z.boolean().optional(),
  time: columns.optional(),
  time_unit: z.enum(timeUnits).optional(),
  time_zone: z
    .string()
    .regex(/^(?:Z|[+-]\d\d:\d\d)$/, 'must be Z, +hh:mm or -hh:mm')
    .optional(),
  /** Columns whose texts are dimensions, by the dimension's name; what a row has nothing of, its event has not. */
  dimensions: z.record(z.string().regex(dimensionNamePattern), columns).optional(),
  /** Columns that are kept with the event, sealed. */
  properties: z.array(z.string().min(1)).optional(),
});

export type Mapping = z.output<typeof mappingShape>;
export type Columns = z.output<typeof columns>;
export type Condition = z.output<typeof condition>;
type JoinedSource = z.output<typeof joined>;
export type MetricSource = z.output<typeof event>['metric'];
type EventMapping = z.output<typeof event>;

/** A mapping that says enough to make events. */
export interface CompleteMapping extends Mapping {
  readonly organization: Columns;
  readonly events: (EventMapping & { readonly quantity: Columns })[];
  /** The user named the key and the time, so that a row without them is refused. */
  readonly keyRequired: boolean;
  readonly timeRequired: boolean;
}

/** The names of the API, for what no mapping names. */
const ownNames = {
  organization: 'organization_id',
  key: 'idempotency_key',
  time: 'timestamp',
} as const;
const ownEvent = { metric: 'metric_name', quantity: 'quantity' } as const;

/** What the options name; the metric and the quantity are of the one event of a row. */
export interface ColumnOptions
  extends Pick<Mapping, 'organization' | 'time' | 'time_unit' | 'time_zone' | 'properties'> {
  readonly key?: string[] | undefined;
  readonly metric?: string | undefined;
  readonly quantity?: string | undefined;
  readonly quantity_unit?: string | undefined;
}

/** Options win over the mapping; where neither names a column it has the API's name. Or a sentence of what is missing. */
export function completeMapping(base: Mapping, options: ColumnOptions): CompleteMapping | string {
  const { metric, quantity, quantity_unit: unit, ...others } = options;
  const given = base.events ?? [ownEvent];
  const chosen =
    metric === undefined && quantity === undefined ? given : [chosenEvent(given, { metric, quantity })];
  const events: CompleteMapping['events'] = [];
  for (const event of chosen) {
    if (event === null) return 'A row makes several events here: give both --metric and --quantity.';
    if (event.quantity === undefined) {
      return 'No column holds the quantity: give --quantity COLUMN, or --quantity =1 to count rows.';
    }
    events.push({ ...event, quantity: event.quantity, ...(unit === undefined ? {} : { unit }) });
  }
  const named = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  const timeRequired = (options.time ?? base.time) !== undefined;
  const organization = options.organization ?? base.organization ?? ownNames.organization;
  return {
    ...ownNames,
    ...base,
    ...named,
    organization,
    events,
    keyRequired: options.key !== undefined,
    timeRequired,
  };
}

function chosenEvent(
  given: readonly EventMapping[],
  { metric, quantity }: Pick<ColumnOptions, 'metric' | 'quantity'>,
): EventMapping | null {
  if (metric !== undefined && quantity !== undefined) return { metric, quantity };
  const [only, second] = given;
  if (only === undefined || second !== undefined) return null;
  return {
    ...only,
    ...(metric === undefined ? {} : { metric }),
    ...(quantity === undefined ? {} : { quantity }),
  };
}

/** A constant's text; null for the name of a column. */
export function constantOf(text: string): string | null {
  return text.startsWith('=') ? text.slice(1) : null;
}

/**
 * The columns that a table lacks: of each list of alternatives it needs one. Columns of conditions, and of a key or of
 * properties that no option names, may be missing, as in any row.
 */
export function missingColumns(
  mapping: CompleteMapping,
  options: ColumnOptions,
  header: ReadonlySet<string>,
): readonly string[] {
  const needed = [
    [mapping.organization],
    mapping.timeRequired ? [mapping.time ?? []] : [],
    mapping.events.flatMap(({ metric }) => (isJoined(metric) ? metric.join : [metric])),
    // Of several events of a row each may be missing, as long as there is one of them.
    [mapping.events.flatMap(({ quantity }) => alternatives(quantity))],
    alternatives(options.key ?? []),
    options.properties ?? [],
  ].flat();
  const isThere = (name: string): boolean => constantOf(name) !== null || header.has(name);
  return needed
    .map(alternatives)
    .flatMap((names) => (names.length === 0 || names.some(isThere) ? [] : names));
}

export function isJoined(source: MetricSource): source is JoinedSource {
  return typeof source === 'object' && !Array.isArray(source);
}

export function alternatives(source: Columns): readonly string[] {
  return typeof source === 'string' ? [source] : source;
}
