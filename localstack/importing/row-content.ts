/**
 * The content of a row as one canonical text, from which rows without a key get theirs. Rows that the server counts
 * as the same event have one text, however they are written: order of members, spaces, escapes, `1.50` or `"1.5"`,
 * `Z` or another offset, null for a member that may be absent. Rows that differ in anything else have two.
 */
import { parseTimestamp } from '../../shared/events/calendar.ts';
import { canonicalDecimal } from '../../shared/events/decimal.ts';
import { quantityCharsMax } from '../../shared/limits.ts';
import { numberText } from './parse-row.ts';

export function rowContent(row: Readonly<Record<string, unknown>>): string {
  return objectText(row, (name, value) => {
    const equal = typeof value === 'string' ? equalText(name, value) : null;
    return equal ?? contentText(value);
  });
}

function contentText(value: unknown): string {
  const number = numberText(value);
  if (number !== null) return decimalText(number) ?? number;
  if (Array.isArray(value)) return `[${value.map(contentText).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    return objectText(value, (_name, member) => contentText(member));
  }
  return JSON.stringify(value);
}

function objectText(value: object, textOf: (name: string, member: unknown) => string): string {
  // Members of parsed JSON have names and values, nothing else.
  const entries = Object.entries(value) as [string, unknown][];
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${textOf(name, member)}`).join(',')}}`;
}

/** What the server takes a string of this field for, where that is more than a string; never itself JSON's string. */
// Same type: fields have three names, of which a value that is one is no decimal and no time.
function equalText(name: string, value: string): string | null {
  if (name === 'quantity') return decimalText(value);
  return name === 'timestamp' ? instantText(value) : null;
}

function decimalText(text: string): string | null {
  const decimal = text.length <= quantityCharsMax ? canonicalDecimal(text) : null;
  return decimal?.ok ? decimal.text : null;
}

/** Every digit of the fraction is part of it, although the server counts in milliseconds: two rows are not one. */
function instantText(text: string): string | null {
  const milliseconds = parseTimestamp(text);
  const below = /\.\d{3}(\d+)/.exec(text)?.[1]?.replace(/0+$/, '') ?? '';
  return milliseconds === null ? null : `@${milliseconds}.${below}`;
}
