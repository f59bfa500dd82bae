import { expect, it } from 'vitest';
import { type Measures, measureRooms, tableOf } from './measures.ts';
import { readRepository } from './repository.ts';

const rooms = measureRooms(readRepository());
process.stdout.write(`\n${tableOf(rooms)}\n`);

/** Measures that are over a limit of the style page, by name. */
function overLimit({ file, function: fn, anys, nonNulls }: Measures): readonly string[] {
  const limits: readonly (readonly [name: string, value: number, max: number])[] = [
    ['file p50', file.p50, 90],
    ['file p90', file.p90, 200],
    ['file max', file.max, 400],
    ['function p50', fn.p50, 10],
    ['function p90', fn.p90, 30],
    ['function max', fn.max, 70],
    ['any', anys, 0],
    ['non-null !', nonNulls, 0],
  ];
  return limits.flatMap(([name, value, max]) => (value > max ? [`${name} is ${value}, at most ${max}`] : []));
}

const measured = [...rooms]
  .filter(([room]) => room !== 'tests')
  .map(([room, measures]) => ({ room, measures }));

it.each(measured)('the sizes of $room are within the limits', ({ measures }) => {
  expect(measures.files).toBeGreaterThan(0);
  expect(overLimit(measures)).toEqual([]);
});

it('no file of the tests is over 400 lines, and none holds any or a non-null !', () => {
  const { file, anys, nonNulls } = rooms.get('tests') ?? {};
  expect(file?.max).toBeLessThanOrEqual(400);
  expect([anys, nonNulls]).toEqual([0, 0]);
});

it('10 to 20 lines of 100 are comments', () => {
  const share = rooms.get('sources')?.commentShare;
  expect(share).toBeGreaterThanOrEqual(10);
  expect(share).toBeLessThanOrEqual(20);
});

it('a file, a function and an escape that are over a limit are found', () => {
  const lines = Array.from({ length: 420 }, (_, i) => `  call(${i});`).join('\n');
  const text = `// One comment.\nexport function long(a: any) {\n${lines}\n  return (a as string)!;\n}\n`;
  const planted = measureRooms([{ path: 'shared/planted.ts', text }]).get('shared');
  expect(planted).toMatchObject({ files: 1, lines: 424, anys: 1, nonNulls: 1, casts: 1, functions: 1 });
  expect(planted?.commentShare).toBeCloseTo(100 / 424, 9);
  expect(overLimitNames(planted)).toEqual([
    'file p50',
    'file p90',
    'file max',
    'function p50',
    'function p90',
    'function max',
    'any',
    'non-null !',
  ]);
});

function overLimitNames(measures: Measures | undefined): readonly string[] {
  return measures === undefined ? [] : overLimit(measures).map((text) => text.split(' is ')[0] ?? '');
}
