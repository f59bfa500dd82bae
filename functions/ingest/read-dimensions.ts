/** The dimensions of an event as one canonical text, which the fingerprint and the totals are by. */
import {
  canonicalDimensions,
  dimensionNamePattern,
  dimensionValueProblem,
} from '../../shared/events/dimensions.ts';
import { dimensionNameCharsMax, dimensionsMax } from '../../shared/limits.ts';

export type DimensionsResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly field: string; readonly message: string };

/** Canonical text of a flat object of texts; empty for an empty one: it means the same as none. */
export function readDimensions(value: object): DimensionsResult {
  const names = Object.keys(value);
  if (names.length > dimensionsMax) {
    const message = `dimensions must have at most ${dimensionsMax} names`;
    return { ok: false, code: 'too_many', field: 'dimensions', message };
  }
  const dimensions = new Map<string, string>();
  for (const name of names) {
    if (!dimensionNamePattern.test(name)) {
      const message = `a dimension's name must be 1 to ${dimensionNameCharsMax} characters out of a-z 0-9 _`;
      return { ok: false, code: 'invalid_name', field: 'dimensions', message };
    }
    const text: unknown = Reflect.get(value, name);
    const field = `dimensions.${name}`;
    if (typeof text !== 'string') {
      return { ok: false, code: 'wrong_type', field, message: 'a dimension must be a string' };
    }
    const problem = dimensionValueProblem(text);
    if (problem !== null) return { ok: false, field, ...problem };
    dimensions.set(name, text);
  }
  return { ok: true, text: canonicalDimensions(dimensions) };
}

/**
 * Of an object that somebody else defined, the texts that can be dimensions: the first ones by name, as many as an event
 * may have. The rest is left out, whatever it is.
 */
export function fittingDimensions(value: object, besides: ReadonlySet<string>): Record<string, string> {
  const fitting = Object.entries(value)
    .filter(([name]) => dimensionNamePattern.test(name) && !besides.has(name))
    .filter((member): member is [string, string] => {
      return typeof member[1] === 'string' && dimensionValueProblem(member[1]) === null;
    })
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, dimensionsMax);
  return Object.fromEntries(fitting);
}
