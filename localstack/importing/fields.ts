/** The members of a row, by the names that a user gives them. */
import { numberText } from './parse-row.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && numberText(value) === null;
}

/**
 * The value of a column: a member of that very name, else a path of members with points between them. Undefined where
 * there is none, and where it says nothing: null, or an empty text as in a table.
 */
export function columnValue(fields: Fields, column: string): unknown {
  if (Object.hasOwn(fields, column)) return present(fields[column]);
  let value: unknown = fields;
  for (const name of column.split('.')) {
    if (!isFields(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return present(value);
}

function present(value: unknown): unknown {
  return value === null || value === '' ? undefined : value;
}

/** The text of a scalar, a number's with every digit; null for a list or an object. */
export function scalarText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return numberText(value);
}
