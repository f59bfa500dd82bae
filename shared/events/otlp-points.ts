/**
 * The data points of OpenTelemetry metrics (OTLP), as usage or with the reason why they are none. It reads OTLP's JSON,
 * and the protobuf form once that is turned into the same members, so that a point has one key however it arrives.
 */
import { hash } from 'node:crypto';

type Fields = Readonly<Record<string, unknown>>;

export interface UsagePoint {
  readonly kind: 'usage';
  readonly metric: string;
  readonly unit: string;
  /** `asInt` as it is, `asDouble` as the shortest decimal that is this double. */
  readonly quantity: string;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly resource: Attributes;
  readonly attributes: Attributes;
  /** The same for the same resource, scope, name, attributes, start and end: an exporter's retry counts once. */
  readonly key: string;
}

export interface RefusedPoint {
  readonly kind: 'refused';
  readonly code: string;
  readonly message: string;
  readonly metric: string;
  readonly point: unknown;
}

/** By name. A value's text is canonical, and a list or map is its JSON. */
export type Attributes = ReadonlyMap<string, AttributeValue>;

export interface AttributeValue {
  readonly type: 'text' | 'number' | 'boolean' | 'other';
  readonly text: string;
}

/** The text of a number that a parser of JSON kept in its own way; null for any other value. */
type NumberTextOf = (value: unknown) => string | null;

const deltaSetting = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta';
/** The protocol's numbers and, as some programs write them, its names. */
const delta: ReadonlySet<string | null> = new Set(['1', 'AGGREGATION_TEMPORALITY_DELTA']);
const otherKinds = ['gauge', 'histogram', 'exponentialHistogram', 'summary'] as const;
/** The bit of a point that has no value. */
const noRecordedValue = 1;
const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const int64CharsMax = 20;
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Every point of an export in its order; a point that says it has no value is left out. Total for every value, if no
 * value nests too deep for a function that calls itself.
 */
export function otlpPoints(
  document: Fields,
  numberTextOf: NumberTextOf,
): Generator<UsagePoint | RefusedPoint, void> {
  return new Walk(numberTextOf).points(document);
}

/** What all points of one metric have in common, with the digests that their keys are made of. */
interface Series {
  readonly resource: Attributes;
  readonly resourceDigest: string;
  readonly scopeDigest: string;
  readonly metric: Fields;
  readonly name: string;
}

class Walk {
  readonly #numberTextOf: NumberTextOf;

  constructor(numberTextOf: NumberTextOf) {
    this.#numberTextOf = numberTextOf;
  }

  *points(document: Fields): Generator<UsagePoint | RefusedPoint, void> {
    for (const resourceMetrics of this.#listOf(document, 'resourceMetrics')) {
      const resource = this.#attributesOf(this.#memberOf(resourceMetrics, 'resource'));
      const resourceDigest = digestOf(sorted(resource));
      for (const scopeMetrics of this.#listOf(resourceMetrics, 'scopeMetrics')) {
        const scope = this.#memberOf(scopeMetrics, 'scope');
        const scopeAttributes = sorted(this.#attributesOf(scope));
        const scopeDigest = digestOf([scope['name'] ?? '', scope['version'] ?? '', scopeAttributes]);
        for (const metric of this.#listOf(scopeMetrics, 'metrics')) {
          const name = this.#textOf(metric['name']) ?? '';
          yield* this.#pointsOf({ resource, resourceDigest, scopeDigest, metric, name });
        }
      }
    }
  }

  *#pointsOf(series: Series): Generator<UsagePoint | RefusedPoint, void> {
    const { metric, name } = series;
    const other = otherKinds.find((kind) => this.#isFields(metric[kind]));
    if (other !== undefined) {
      const message = `a data point of a ${other} is no usage: only sums are counted`;
      for (const point of this.#listOf(this.#memberOf(metric, other), 'dataPoints'))
        yield { kind: 'refused', code: 'not_a_sum', message, metric: name, point };
      return;
    }
    const sum = this.#memberOf(metric, 'sum');
    const refused = this.#sumProblemOf(sum);
    for (const point of this.#listOf(sum, 'dataPoints')) {
      if (refused !== null) yield { kind: 'refused', ...refused, metric: name, point };
      else if ((Number(this.#textOf(point['flags']) ?? 0) & noRecordedValue) === 0)
        yield this.#usageOf(series, point);
    }
  }

  #sumProblemOf(sum: Fields): { readonly code: string; readonly message: string } | null {
    // First, because an exporter that is set to delta still sends these as cumulative sums.
    if (sum['isMonotonic'] !== true)
      return { code: 'not_monotonic', message: 'a sum that also falls is a level and no usage' };
    if (delta.has(this.#textOf(sum['aggregationTemporality']))) return null;
    const message = `a cumulative sum would be counted again and again: set ${deltaSetting}`;
    return { code: 'not_a_delta', message };
  }

  #usageOf(series: Series, point: Fields): UsagePoint | RefusedPoint {
    const { resource, resourceDigest, scopeDigest, metric, name } = series;
    const quantity = this.#quantityOf(point);
    if (!quantity.ok) return { kind: 'refused', ...quantity, metric: name, point };
    const attributes = this.#attributesOf(point);
    const [startTimeUnixNano, timeUnixNano] = [
      this.#textOf(point['startTimeUnixNano']) ?? '0',
      this.#textOf(point['timeUnixNano']) ?? '0',
    ];
    const identity = [resourceDigest, scopeDigest, name, sorted(attributes), startTimeUnixNano, timeUnixNano];
    return {
      kind: 'usage',
      metric: name,
      unit: this.#textOf(metric['unit']) ?? '',
      quantity: quantity.text,
      startTimeUnixNano,
      timeUnixNano,
      resource,
      attributes,
      key: `otlp:${digestOf(identity)}`,
    };
  }

  #quantityOf(point: Fields): QuantityText {
    const int = this.#textOf(point['asInt']);
    if (int !== null) {
      const whole = wholeOf(int);
      if (whole !== null && whole >= int64Min && whole <= int64Max) return { ok: true, text: String(whole) };
      return { ok: false, code: 'not_an_int64', message: 'asInt must be a whole number of 64 bits' };
    }
    const double = this.#textOf(point['asDouble']);
    if (double === null)
      return { ok: false, code: 'missing_value', message: 'a data point needs asInt or asDouble' };
    const value = jsonNumber.test(double) ? Number(double) : Number.NaN;
    if (Number.isFinite(value)) return { ok: true, text: String(value) };
    return { ok: false, code: 'not_finite', message: 'asDouble must be a finite number' };
  }

  #attributesOf(holder: Fields): Attributes {
    return new Map(
      this.#listOf(holder, 'attributes').map(({ key, value }) => [
        this.#textOf(key) ?? '',
        this.#valueOf(value),
      ]),
    );
  }

  /** A value is one member named by its type. */
  #valueOf(value: unknown): AttributeValue {
    const members: Fields = this.#isFields(value) ? value : {};
    const { stringValue, boolValue, intValue, doubleValue } = members;
    if (typeof stringValue === 'string') return { type: 'text', text: stringValue };
    if (typeof boolValue === 'boolean') return { type: 'boolean', text: String(boolValue) };
    const int = wholeOf(this.#textOf(intValue));
    if (int !== null) return { type: 'number', text: String(int) };
    const double = this.#textOf(doubleValue);
    if (double !== null) {
      const number = jsonNumber.test(double) ? Number(double) : Number.NaN;
      return { type: Number.isFinite(number) ? 'number' : 'other', text: String(number) };
    }
    return { type: 'other', text: JSON.stringify(this.#nestedOf(value)) };
  }

  /** A list or map of values in one form, whatever the order of a map's members. */
  #nestedOf(value: unknown): unknown {
    if (!this.#isFields(value)) return null;
    const list = this.#memberOf(value, 'arrayValue');
    if (Object.hasOwn(value, 'arrayValue'))
      return this.#listOf(list, 'values').map((item) => this.#itemOf(item));
    if (Object.hasOwn(value, 'kvlistValue')) {
      const members = this.#listOf(this.#memberOf(value, 'kvlistValue'), 'values');
      const entries = members.map((member) => [
        this.#textOf(member['key']) ?? '',
        this.#itemOf(member['value']),
      ]);
      return { map: entries.sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)) };
    }
    return { bytes: this.#textOf(value['bytesValue']) };
  }

  #itemOf(value: unknown): unknown {
    const { type, text } = this.#valueOf(value);
    return [type, text];
  }

  #textOf(value: unknown): string | null {
    return typeof value === 'string' ? value : this.#numberTextOf(value);
  }

  #isFields(value: unknown): value is Fields {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && this.#numberTextOf(value) === null;
  }

  #memberOf(fields: Fields, name: string): Fields {
    const value = fields[name];
    return this.#isFields(value) ? value : {};
  }

  #listOf(fields: Fields, name: string): readonly Fields[] {
    const value = fields[name];
    const values: readonly unknown[] = Array.isArray(value) ? value : [];
    return values.filter((item) => this.#isFields(item));
  }
}

type QuantityText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

function wholeOf(text: string | null): bigint | null {
  return text !== null && text.length <= int64CharsMax && /^-?\d+$/.test(text) ? BigInt(text) : null;
}

function sorted(attributes: Attributes): readonly (readonly [string, string, string])[] {
  return [...attributes]
    .map(([name, { type, text }]) => [name, type, text] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

function digestOf(value: unknown): string {
  return hash('sha256', JSON.stringify(value));
}
