import { beforeAll, describe, expect, it } from 'vitest';
import { placeOf, programOf } from './compiler.ts';
import { findAny } from './inferred-any.ts';
import { readRepository, repositoryRoot } from './repository.ts';
import { findSameType } from './same-type.ts';

const checked =
  /^(?:functions|shared|client|localstack|infra|migrations|test\/(?:harness|recount|bench|load))\/.*\.ts$|^(?:test\/)?[\w-]+\.ts$/;

const plantedAny = {
  path: 'shared/planted-any.ts',
  text: `
import { readFileSync } from 'node:fs';
const read = JSON.parse(readFileSync('a', 'utf8'));
const kept = Math.random() > 1 ? new Map() : new Map<string, number>();
export const name: string = JSON.parse('"a"');
export const length = JSON.parse('[]').length;
export function answer() { return JSON.parse('1'); }
const [first] = Array.isArray(globalThis) ? globalThis : [];
export const fine: unknown = JSON.parse('1');
export const cast = JSON.parse('1') as number;
export const text = JSON.stringify({ read, kept, first });
`,
};
const plantedSameType = {
  path: 'shared/planted-same-type.ts',
  text: `
export function swapped(from: number, to: number): number { return to - from; }
export const optional = (name: string, value: number, text?: string): string => name + value + (text ?? '');
interface Port { move(from: number, to: number): void }
export class Mover implements Port { move(from: number, to: number): void { this.move(to, from); } }
type Offset = number & { readonly unit: 'offset' };
export function branded(from: Offset, to: Offset, kind: 'a' | 'b', other: 'c' | 'd'): string { return kind + other + from + to; }
// Same type: as for a slice.
export function reasoned(from: number, to: number): number { return to - from; }
export const sorted = [2, 1].sort((one, other) => one - other);
`,
};

interface Finding {
  readonly place: string;
  readonly signature: string;
}

const anys: string[] = [];
const sameTypes: Finding[] = [];

beforeAll(() => {
  const paths = readRepository().flatMap(({ path }) => (checked.test(path) ? [path] : []));
  const { files, checker } = programOf(repositoryRoot, paths, [plantedAny, plantedSameType]);
  expect(files.length).toBe(paths.length + 2);
  for (const file of files) {
    anys.push(...findAny(file, checker).map((node) => placeOf(repositoryRoot, node)));
    for (const { node, name, parameters } of findSameType(file, checker))
      sameTypes.push({ place: placeOf(repositoryRoot, node), signature: `${name}(${parameters})` });
  }
}, 120_000);

const isPlanted = (place: string): boolean => place.startsWith('shared/planted-');
const linesOf = (places: readonly string[], { path }: { readonly path: string }): readonly string[] => [
  ...new Set(places.filter((place) => place.startsWith(path)).map((place) => place.slice(path.length + 1))),
];

describe('any', () => {
  it('is found where it is inferred', () => {
    expect(linesOf(anys, plantedAny)).toEqual(['3', '4', '5', '6', '7', '8']);
  });

  it('is inferred nowhere', () => {
    expect(anys.filter((place) => !isPlanted(place))).toEqual([]);
  });
});

describe('parameters of one primitive type', () => {
  it('are found where no reason is beside them', () => {
    const places = sameTypes.map(({ place }) => place);
    expect(linesOf(places, plantedSameType)).toEqual(['2', '3', '4']);
  });

  it('have a reason beside them, or are members of an object', () => {
    const open = sameTypes.filter(({ place }) => !isPlanted(place));
    const listed = open.map(({ place, signature }) => `${place} ${signature}`).join('\n');
    const remedy = `write "// Same type: <reason>" above it, or take an object:\n${listed}`;
    expect(open.length, remedy).toBe(0);
  });
});
