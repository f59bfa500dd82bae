/** The attributes of a CloudEvent 1.0 that are read; extensions and others are ignored, as the specification asks. */
import { z } from 'zod';
import { isJsonObject } from './read-json.ts';

const required = z.string().min(1);

export const cloudEventShape = z.looseObject({
  specversion: z.literal('1.0'),
  id: required,
  /** A URI reference, which has no white space: so `<source> <id>` names one pair only. */
  source: z.string().regex(/^\S+$/),
  type: required,
  /** Optional in the specification; here it is who used something. */
  subject: required,
  time: z.string().nullish(),
  data: z.custom<object>(isJsonObject),
});

export type CloudEventShape = z.output<typeof cloudEventShape>;

/** How each attribute must be, as the rest of a sentence that starts with its name. */
export const cloudEventRules: Readonly<Record<string, string>> = {
  specversion: 'must be "1.0"',
  id: 'must be a string that is not empty',
  source: 'must be a URI reference: a string that is not empty, without white space',
  type: 'must be a string that is not empty: the name of the metric',
  subject: 'must be a string that is not empty: the organization',
  time: 'must be a string: RFC 3339 with an offset',
  data: 'must be a JSON object with the quantity as value or quantity',
};
