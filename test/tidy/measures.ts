/** Sizes, parameters, comments and escapes of the compiler, of each room and of all together. */
import ts from 'typescript-api';
import { walk } from './compiler.ts';
import type { RepositoryFile } from './repository.ts';

export interface Measures {
  readonly files: number;
  readonly lines: number;
  /** Lines of a file, and lines of a function that is named or has a body in braces. */
  readonly file: Spread;
  readonly function: Spread;
  readonly functions: number;
  readonly parametersP90: number;
  readonly parametersOver3: number;
  /** Lines that hold nothing but comment, in percent. */
  readonly commentShare: number;
  readonly anys: number;
  readonly nonNulls: number;
  readonly casts: number;
}

interface Spread {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What one file adds. */
interface FileMeasures {
  readonly lines: number;
  readonly commentLines: number;
  readonly functionLines: readonly number[];
  readonly parameters: readonly number[];
  readonly anys: number;
  readonly nonNulls: number;
  readonly casts: number;
}

/** `root` is what is in no folder. */
const sourceRooms = ['root', 'functions', 'shared', 'client', 'infra', 'localstack', 'migrations'] as const;

/** Each room's measures; `sources` is all rooms but `harness` and `tests`. */
export function measureRooms(files: readonly RepositoryFile[]): ReadonlyMap<string, Measures> {
  const measured = files
    .filter(({ path }) => /\.(?:ts|mjs)$/.test(path))
    .map((file) => ({ room: roomOf(file.path), ...measureFile(file) }));
  const rooms = [...sourceRooms, 'harness'].map(
    (room) => [room, sumUp(measured.filter((one) => one.room === room))] as const,
  );
  const isSource = (one: { room: string }) => sourceRooms.some((room) => room === one.room);
  return new Map([
    ...rooms.filter(([, { files: count }]) => count > 0),
    ['sources', sumUp(measured.filter(isSource))],
    ['tests', sumUp(measured.filter((one) => one.room === 'tests'))],
  ]);
}

function roomOf(path: string): string {
  const [folder = '', ...rest] = path.split('/');
  if (rest.length === 0) return 'root';
  if (folder !== 'test') return folder;
  return rest[0] === 'harness' ? 'harness' : 'tests';
}

function measureFile({ path, text }: RepositoryFile): FileMeasures {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const functions: ts.FunctionLikeDeclaration[] = [];
  const escapes = { anys: 0, nonNulls: 0, casts: 0 };
  walk(file, (node) => {
    if (isMeasured(node)) functions.push(node);
    if (node.kind === ts.SyntaxKind.AnyKeyword) escapes.anys += 1;
    if (ts.isNonNullExpression(node)) escapes.nonNulls += 1;
    if (ts.isAsExpression(node) && node.type.getText() !== 'const') escapes.casts += 1;
  });
  return {
    lines: text.trimEnd().split('\n').length,
    commentLines: commentLinesOf(file),
    functionLines: functions.map((node) => linesOf(file, node)),
    parameters: functions.map((node) => node.parameters.length),
    ...escapes,
  };
}

/** A function with a name of its own or statements; `(row) => row.id` is an expression. */
function isMeasured(node: ts.Node): node is ts.FunctionLikeDeclaration {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return false;
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return ts.isBlock(node.body) || ts.isVariableDeclaration(node.parent);
  return true;
}

function linesOf(file: ts.SourceFile, node: ts.Node): number {
  const lineAt = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  return lineAt(node.end) - lineAt(node.getStart()) + 1;
}

function commentLinesOf(file: ts.SourceFile): number {
  const lines = new Set<number>();
  const starts = file.getLineStarts();
  const add = ({ pos, end }: ts.TextRange): void => {
    const first = file.getLineAndCharacterOfPosition(pos).line;
    const last = file.getLineAndCharacterOfPosition(end).line;
    // A comment behind code shares its line.
    const alone = file.text.slice(starts[first], pos).trim() === '';
    for (let line = alone ? first : first + 1; line <= last; line++) lines.add(line);
  };
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? []) add(range);
    for (const child of node.getChildren(file)) visit(child);
  };
  visit(file);
  return lines.size;
}

function sumUp(files: readonly FileMeasures[]): Measures {
  const sum = (of: (file: FileMeasures) => number): number => files.reduce((all, file) => all + of(file), 0);
  const lines = sum((file) => file.lines);
  const functionLines = files.flatMap((file) => file.functionLines);
  const parameters = files.flatMap((file) => file.parameters);
  return {
    files: files.length,
    lines,
    file: spreadOf(files.map((file) => file.lines)),
    function: spreadOf(functionLines),
    functions: functionLines.length,
    parametersP90: spreadOf(parameters).p90,
    parametersOver3: parameters.filter((count) => count > 3).length,
    commentShare: (100 * sum((file) => file.commentLines)) / Math.max(1, lines),
    anys: sum((file) => file.anys),
    nonNulls: sum((file) => file.nonNulls),
    casts: sum((file) => file.casts),
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** One row a room, as Markdown. */
export function tableOf(rooms: ReadonlyMap<string, Measures>): string {
  const head = [
    'room',
    'files',
    'lines',
    'file p50/p90/max',
    'functions',
    'function p50/p90/p99/max',
    'parameters p90, over 3',
    'comments %',
    'any, !, casts',
  ];
  const rows = [...rooms].map(([room, { file, function: fn, ...rest }]) => [
    room,
    rest.files,
    rest.lines,
    `${file.p50}/${file.p90}/${file.max}`,
    rest.functions,
    `${fn.p50}/${fn.p90}/${fn.p99}/${fn.max}`,
    `${rest.parametersP90}, ${rest.parametersOver3}`,
    rest.commentShare.toFixed(1),
    `${rest.anys}, ${rest.nonNulls}, ${rest.casts}`,
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
