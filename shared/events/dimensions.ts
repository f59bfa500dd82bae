/**
 * Dimensions of an event: flat labels by which its metric's totals are kept apart. Their one canonical text is empty
 * without any, else a JSON object of texts without spaces, its names in code unit order. Events with equal texts are in
 * one dimension set.
 */
import { hash } from 'node:crypto';
import { dimensionNameCharsMax, dimensionsMax, dimensionValueCharsMax } from '../limits.ts';

/** The empty set: an event without dimensions. */
export const noDimensions = '';
/** The name of every set of a day that came when `dimensionSetsMax` others were there; no event has this text. */
export const otherDimensions = 'other';

export const dimensionNamePattern = new RegExp(`^[a-z0-9_]{1,${dimensionNameCharsMax}}$`);

const setHexChars = 32;
const controlCharacter = /\p{Cc}/u;

/** A set's 16 bytes as 32 hex digits, as `dimension_set_of` of migration 014 computes them. */
export function dimensionSetOf(dimensions: string): string {
  if (dimensions === noDimensions) return '0'.repeat(setHexChars);
  if (dimensions === otherDimensions) return 'f'.repeat(setHexChars);
  return hash('sha256', dimensions, 'hex').slice(0, setHexChars);
}

/** Why a text is not the value of a dimension; null for one that is. */
export function dimensionValueProblem(
  value: string,
): { readonly code: string; readonly message: string } | null {
  const limit = `a dimension must have at most ${dimensionValueCharsMax} characters of UTF-8`;
  // A character is one or two code units, so few texts are counted.
  if (value.length > 2 * dimensionValueCharsMax || charactersOf(value) > dimensionValueCharsMax) {
    return { code: 'too_long', message: limit };
  }
  if (!value.isWellFormed()) return { code: 'invalid_characters', message: `${limit}, well-formed` };
  if (!controlCharacter.test(value)) return null;
  return { code: 'invalid_characters', message: `${limit} without control characters` };
}

function charactersOf(text: string): number {
  if (text.length <= dimensionValueCharsMax) return text.length;
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The canonical text of dimensions whose names and values are within their limits. */
export function canonicalDimensions(dimensions: ReadonlyMap<string, string>): string {
  if (dimensions.size === 0) return noDimensions;
  const members = [...dimensions]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `"${name}":${JSON.stringify(value)}`);
  return `{${members.join(',')}}`;
}

/** Whether a text is canonical and within the limits; total for any text. */
export function isCanonicalDimensions(text: string): boolean {
  if (text === noDimensions) return true;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return false;
  const members: readonly (readonly [string, unknown])[] = Object.entries(parsed);
  if (members.length === 0 || members.length > dimensionsMax) return false;
  const dimensions = new Map<string, string>();
  for (const [name, value] of members) {
    if (typeof value !== 'string' || !dimensionNamePattern.test(name)) return false;
    if (dimensionValueProblem(value) !== null) return false;
    dimensions.set(name, value);
  }
  // Another order, a name twice or superfluous spaces and escapes give another text.
  return canonicalDimensions(dimensions) === text;
}
