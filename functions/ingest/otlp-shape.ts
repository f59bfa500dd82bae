/**
 * The lists of an OTLP export in JSON, and its answer. What is in a data point is looked at point by point, because one
 * that cannot be counted refuses no other; members that are not named here are ignored, as the protocol asks.
 */
import { z } from 'zod';

const points = z.looseObject({ dataPoints: z.array(z.looseObject({})).nullish() }).nullish();

const metric = z.looseObject({
  name: z.string().nullish(),
  sum: points,
  gauge: points,
  histogram: points,
  exponentialHistogram: points,
  summary: points,
});

const scopeMetrics = z.looseObject({ metrics: z.array(metric).nullish() });

const resourceMetrics = z.looseObject({ scopeMetrics: z.array(scopeMetrics).nullish() });

export const otlpRequestShape = z.looseObject({ resourceMetrics: z.array(resourceMetrics) });

/** Empty where every data point is counted, or will be. */
export const otlpAnswerShape = z.strictObject({
  partialSuccess: z.strictObject({ rejectedDataPoints: z.string(), errorMessage: z.string() }).optional(),
});

export type OtlpAnswer = z.output<typeof otlpAnswerShape>;
