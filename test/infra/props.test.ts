/** Whoever uses a construct, stack or data plane reads what each of its properties means, and what its absence does. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const files = globSync('infra/{constructs,data-plane,stacks}/*.ts', { cwd: root });
const declaration = /^(?:export )?interface (\w+Props)\b[^{]*\{$([\s\S]*?)^\}$/gm;
const member = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^ +readonly (\w+)(\??):/gm;

interface Property {
  readonly name: string;
  readonly comment: string;
  readonly isOptional: boolean;
}

/** Every property of every `interface …Props` in a text, those of objects inside them too. */
function propertiesIn(text: string): readonly Property[] {
  return [...text.matchAll(declaration)].flatMap(([, owner, body = '']) =>
    [...body.matchAll(member)].map(([, comment = '', name, mark]) => {
      return { name: `${owner}.${name}`, comment, isOptional: mark === '?' };
    }),
  );
}

/** A sentence, and where the property may be absent, its default. */
function isExplained({ comment, isOptional }: Property): boolean {
  return /[A-Z][^@]*\.\s/.test(comment) && (!isOptional || /@default \S/.test(comment));
}

it('every property has a sentence, and an optional one its default', () => {
  const found = files.flatMap((file) => propertiesIn(readFileSync(join(root, file), 'utf8')));
  expect(found.length).toBeGreaterThan(40);
  expect(found.filter((one) => !isExplained(one)).map(({ name }) => name)).toEqual([]);
});

it('a property without a sentence is found, and an optional one without a default', () => {
  const text = `
export interface ProbeProps extends StackProps {
  /** What it is called. */
  readonly name: string;
  readonly size: number;
  /** Who made it. */
  readonly maker?: { readonly name: string };
  /**
   * Where it is.
   * @default nowhere
   */
  readonly place?: string;
  /** What is in it. */
  readonly inside: {
    readonly depth: number;
  };
}
`;
  const unexplained = propertiesIn(text).filter((one) => !isExplained(one));
  expect(unexplained.map(({ name }) => name)).toEqual([
    'ProbeProps.size',
    'ProbeProps.maker',
    'ProbeProps.depth',
  ]);
});
