/** The data points of OpenTelemetry metrics in OTLP's JSON, as rows; what is no usage is refused with its reason. */
import {
  type Attributes,
  type AttributeValue,
  otlpPoints,
  type UsagePoint,
} from '../../shared/events/otlp-points.ts';
import type { Fields } from './fields.ts';
import { numberText, rawNumber } from './parse-row.ts';
import type { ExpandedRow } from './row-reading.ts';

export function* expandOtlp(document: Fields): Generator<ExpandedRow, void> {
  for (const point of otlpPoints(document, numberText)) {
    if (point.kind === 'usage') {
      yield { kind: 'fields', fields: rowOf(point), rejected: null };
      continue;
    }
    const { code, message, metric, point: raw } = point;
    yield { kind: 'problem', code, message, raw: { metric, point: raw } };
  }
}

/** Members with points in their names, so that a mapping names an attribute as it is written. */
function rowOf(point: UsagePoint): Fields {
  const { metric: name, unit, quantity: value, timeUnixNano, startTimeUnixNano, key } = point;
  const own = { name, unit, value, startTimeUnixNano, timeUnixNano, key };
  return {
    ...own,
    ...prefixed('resource.', point.resource),
    ...prefixed('attributes.', point.attributes),
  };
}

function prefixed(prefix: string, attributes: Attributes): Fields {
  return Object.fromEntries([...attributes].map(([name, value]) => [prefix + name, scalarOf(value)]));
}

function scalarOf({ type, text }: AttributeValue): unknown {
  if (type === 'boolean') return text === 'true';
  return type === 'number' ? rawNumber(text) : text;
}
