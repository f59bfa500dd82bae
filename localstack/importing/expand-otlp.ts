/** The data points of OpenTelemetry metrics in OTLP's JSON, as rows; what is no usage is refused with its reason. */
import { hash } from 'node:crypto';
import { type Fields, isFields, scalarText } from './fields.ts';
import type { ExpandedRow } from './row-reading.ts';

const lists = ['resourceMetrics', 'scopeMetrics', 'metrics'] as const;
const deltaSetting = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta';
/** The protocol's numbers and, as some programs write them, its names. */
const delta: ReadonlySet<string | null> = new Set(['1', 'AGGREGATION_TEMPORALITY_DELTA']);
const kinds = ['gauge', 'histogram', 'exponentialHistogram', 'summary'] as const;
/** The bit of a point that has no value. */
const noRecordedValue = 1;

export function* expandOtlp(document: Fields): Generator<ExpandedRow, void> {
  for (const resource of listOf(document, lists[0])) {
    for (const scope of listOf(resource, lists[1])) {
      for (const metric of listOf(scope, lists[2])) yield* pointsOf({ resource, scope, metric });
    }
  }
}

interface Series {
  readonly resource: Fields;
  readonly scope: Fields;
  readonly metric: Fields;
}

function* pointsOf({ resource, scope, metric }: Series): Generator<ExpandedRow, void> {
  const other = kinds.find((kind) => Object.hasOwn(metric, kind));
  if (other !== undefined) {
    for (const point of listOf(memberOf(metric, other), 'dataPoints')) {
      const message = `a data point of a ${other} is no usage: only sums are counted`;
      yield { kind: 'problem', code: 'not_a_sum', message, raw: { metric: metric['name'], point } };
    }
    return;
  }
  const sum = memberOf(metric, 'sum');
  const problem = sumProblemOf(sum);
  for (const point of listOf(sum, 'dataPoints')) {
    if (problem !== null) yield { kind: 'problem', ...problem, raw: { metric: metric['name'], point } };
    else if ((Number(scalarText(point['flags']) ?? 0) & noRecordedValue) === 0) {
      yield { kind: 'fields', fields: rowOf({ resource, scope, metric }, point), rejected: null };
    }
  }
}

function sumProblemOf(sum: Fields): { readonly code: string; readonly message: string } | null {
  if (!delta.has(scalarText(sum['aggregationTemporality']))) {
    return {
      code: 'not_a_delta',
      message: `a cumulative sum would be counted again and again: set ${deltaSetting}`,
    };
  }
  if (sum['isMonotonic'] === true) return null;
  return { code: 'not_monotonic', message: 'a sum that also falls is a level and no usage' };
}

/** Members with points in their names, so that a mapping names an attribute as it is written. */
function rowOf({ resource, scope, metric }: Series, point: Fields): Fields {
  const instrument = memberOf(scope, 'scope');
  const resourceAttributes = attributesOf(memberOf(resource, 'resource'));
  const attributes = attributesOf(point);
  const series = [
    sorted(resourceAttributes),
    instrument['name'] ?? '',
    instrument['version'] ?? '',
    metric['name'],
    sorted(attributes),
  ];
  return {
    name: metric['name'],
    unit: metric['unit'],
    value: point['asInt'] ?? point['asDouble'],
    startTimeUnixNano: point['startTimeUnixNano'],
    timeUnixNano: point['timeUnixNano'],
    series: hash('sha256', JSON.stringify(series)),
    ...prefixed('resource.', resourceAttributes),
    ...prefixed('attributes.', attributes),
  };
}

type Attributes = ReadonlyMap<string, unknown>;

function attributesOf(holder: Fields): Attributes {
  return new Map(listOf(holder, 'attributes').map(({ key, value }) => [String(key), plainOf(value)]));
}

/** A value is one member named by its type; a list or map of values becomes its JSON. */
function plainOf(value: unknown): unknown {
  const [only] = isFields(value) ? Object.values(value) : [];
  return scalarText(only) === null && only !== undefined ? JSON.stringify(only) : only;
}

function sorted(attributes: Attributes): readonly (readonly [string, unknown])[] {
  return [...attributes].sort(([one], [other]) => (one < other ? -1 : 1));
}

function prefixed(prefix: string, attributes: Attributes): Fields {
  return Object.fromEntries([...attributes].map(([name, value]) => [prefix + name, value]));
}

function memberOf(fields: Fields, name: string): Fields {
  const value = fields[name];
  return isFields(value) ? value : {};
}

function listOf(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  return Array.isArray(value) ? value.filter(isFields) : [];
}
