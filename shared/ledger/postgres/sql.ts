import { readFileSync } from 'node:fs';

/** The text of `sql/<name>.sql`, one operation a file; a bundle ships the folder beside itself. */
export function loadSql(name: string): string {
  return readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8');
}
