/**
 * The sources as a compiler sees them. TypeScript 7 has no interface for programs, so this reads them with the last
 * version that has one, under the settings of `tsconfig.json`; `tsc --noEmit` remains the judge of types.
 */
import { join } from 'node:path';
import ts from 'typescript-api';

/** A file that exists in memory alone: what a rule must find. `path` from the root. */
export interface PlantedFile {
  readonly path: string;
  readonly text: string;
}

/** All of the given paths, and what they import, in one program. */
export function programOf(root: string, paths: readonly string[], planted: readonly PlantedFile[]) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const inMemory = new Map(planted.map(({ path, text }) => [join(root, path), text]));
  const read = host.readFile;
  const exists = host.fileExists;
  host.readFile = (name) => inMemory.get(name) ?? read(name);
  host.fileExists = (name) => inMemory.has(name) || exists(name);
  const rootNames = [...paths.map((path) => join(root, path)), ...inMemory.keys()];
  const program = ts.createProgram({ rootNames, options, host });
  const files = rootNames.flatMap((name) => program.getSourceFile(name) ?? []);
  return { files, checker: program.getTypeChecker() };
}

/** Calls `visit` for every node below `node`, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  ts.forEachChild(node, (child) => {
    visit(child);
    walk(child, visit);
  });
}

/** `path:line` from the root, as an editor opens it. */
export function placeOf(root: string, node: ts.Node): string {
  const file = node.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  return `${file.fileName.slice(root.length + 1)}:${line + 1}`;
}
