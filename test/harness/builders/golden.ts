import { readFileSync } from 'node:fs';

/** An event as AWS documents it. */
export function golden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../data/golden/${name}.json`, import.meta.url), 'utf8'));
}

/** Field names and types of a value; lists by their first item, records with free names by any of theirs. */
export function shapeOf(value: unknown, freeNames: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0], freeNames)];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [
        name,
        freeNames.includes(name) ? anyField(field, freeNames) : shapeOf(field, freeNames),
      ]),
  );
}

function anyField(value: unknown, freeNames: readonly string[]): unknown {
  const [field] = Object.values(value ?? {});
  return shapeOf(field, freeNames);
}
