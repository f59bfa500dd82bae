/** The repository's own files, as the tidy tests look at them. Sizes, cycles and barrels are Biome's rules. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export const repositoryRoot = join(import.meta.dirname, '..', '..');
const skipped = new Set(['node_modules', '.git', '.odometer', 'coverage', 'cdk.out']);
const textual = /\.(?:ts|mjs|json|sql|lua|md|yml|yaml|sh|conf|example)$|^[^.]*$|^\.[^.]+$/;

export interface RepositoryFile {
  /** With `/`, from the root. */
  readonly path: string;
  readonly text: string;
}

export function readRepository(root = repositoryRoot): readonly RepositoryFile[] {
  return list(root, root)
    .filter((path) => textual.test(path.slice(path.lastIndexOf('/') + 1)) && path !== 'package-lock.json')
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

// Same type: both are folders, one inside the other; paths outside the root would start with `..`.
function list(root: string, folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (skipped.has(entry.name) || entry.name.endsWith('.log')) return [];
    if (entry.isDirectory()) return list(root, path);
    return entry.isFile() ? [relative(root, path).split(sep).join('/')] : [];
  });
}

export interface ImportLine {
  readonly from: string;
  /** A path from the root, or a package's name. */
  readonly to: string;
  readonly isPackage: boolean;
  readonly typesOnly: boolean;
}

const importPattern = /^(?:import|export)\s+(type\s)?([^;'"]*?)\bfrom\s+'([^']+)'|\bimport\('([^']+)'\)/gm;

export function importsOf({ path, text }: RepositoryFile): readonly ImportLine[] {
  return [...text.matchAll(importPattern)].map(([, type, names = '', from, dynamic]) => {
    const target = from ?? dynamic ?? '';
    const isPackage = !target.startsWith('.');
    const listed = names
      .replace(/[{}]/g, '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    const typesOnly =
      type !== undefined || (listed.length > 0 && listed.every((name) => name.startsWith('type ')));
    const to = isPackage ? packageOf(target) : new URL(target, `file:///${path}`).pathname.slice(1);
    return { from: path, to, isPackage, typesOnly };
  });
}

function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}
