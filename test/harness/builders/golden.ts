import { readFileSync } from 'node:fs';

/** An event as AWS documents it. */
export function golden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../data/golden/${name}.json`, import.meta.url), 'utf8'));
}

/** Field names and types of a value; lists by their first item, records with free names by any of theirs. */
export function shapeOf(value: unknown, freeNames: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map((item: unknown) => shapeOf(item, freeNames));
  if (typeof value !== 'object' || value === null) return typeof value;
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  return Object.fromEntries(
    entries
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [
        name,
        freeNames.includes(name) ? anyField(field, freeNames) : shapeOf(field, freeNames),
      ]),
  );
}

function anyField(value: unknown, freeNames: readonly string[]): unknown {
  const [field]: unknown[] = Object.values(value ?? {});
  return shapeOf(field, freeNames);
}
