/** The shape of one event in a request body. What zod finds wrong becomes a rejection in our words, with the limit. */
import { z } from 'zod';
import {
  metricRule,
  namePattern,
  organizationPattern,
  organizationRule,
} from '../../shared/events/name-rule.ts';
import type { Rejection } from './candidate.ts';
import { isJsonObject, NumberText } from './read-json.ts';

/** Many clients write null for a field that is absent, so it says the same. */
export const eventShape = z.strictObject({
  organization_id: z.string().regex(organizationPattern),
  metric_name: z.string().regex(namePattern),
  quantity: z.custom<number | string | NumberText>(isQuantity),
  idempotency_key: z.string().nullish(),
  timestamp: z.string().nullish(),
  dimensions: z.custom<object>(isJsonObject).nullish(),
  properties: z.custom<object>(isJsonObject).nullish(),
});

export type EventShape = z.output<typeof eventShape>;

function isQuantity(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'string' || value instanceof NumberText;
}

const wrongType: Readonly<Record<string, string>> = {
  organization_id: 'organization_id must be a string',
  metric_name: 'metric_name must be a string',
  quantity: 'quantity must be a number or a decimal string',
  idempotency_key: 'idempotency_key must be a string',
  timestamp: 'timestamp must be a string: RFC 3339 with an offset',
  dimensions: 'dimensions must be an object of strings',
  properties: 'properties must be an object of scalars',
};

/** The first thing that is wrong with an event's shape. */
export function shapeRejection(index: number, value: object, error: z.ZodError): Rejection {
  const [issue] = error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const field = issue.keys[0] ?? '';
    const known = Object.keys(eventShape.shape).join(', ');
    return { index, code: 'unknown_field', field, message: `an event has only these fields: ${known}` };
  }
  const field = String(issue?.path[0] ?? '');
  if (!Object.hasOwn(value, field)) {
    return { index, code: 'missing_field', field, message: `${field} is required` };
  }
  if (issue?.code === 'invalid_format') {
    const rule = field === 'metric_name' ? metricRule : organizationRule;
    return { index, code: 'invalid_name', field, message: `${field} ${rule}` };
  }
  return { index, code: 'wrong_type', field, message: wrongType[field] ?? `${field} has the wrong type` };
}
