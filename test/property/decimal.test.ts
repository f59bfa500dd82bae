import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { canonicalDecimal, compareDecimals, DecimalSum } from '../../shared/events/decimal.ts';
import { quantityFractionDigitsMax, quantityIntegerDigitsMax } from '../../shared/limits.ts';

vi.setConfig({ testTimeout: 30_000 });

const fractionDigits = quantityFractionDigitsMax;
const unit = 10n ** BigInt(fractionDigits);
const largest = 10n ** BigInt(quantityIntegerDigitsMax + fractionDigits) - 1n;
/** A quantity as a count of its smallest units. */
const units = fc.oneof(
  fc.bigInt({ min: -largest, max: largest }),
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: -1000n, max: 1000n }).map((whole) => whole * unit),
);

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** One of the many texts of a value: moved point, exponent, zeros at both ends, a plus. */
interface Spelling {
  readonly exponent: number;
  readonly zerosBefore: number;
  readonly zerosAfter: number;
  readonly plus: boolean;
  readonly mark: string;
}

const spelling: fc.Arbitrary<Spelling> = fc.record({
  exponent: fc.integer({ min: -30, max: 30 }),
  zerosBefore: fc.nat(5),
  zerosAfter: fc.nat(5),
  plus: fc.boolean(),
  mark: fc.constantFrom('e', 'E'),
});

function spell(value: bigint, { exponent, zerosBefore, zerosAfter, plus, mark }: Spelling): string {
  // value / 10^18 = digits / 10^(18 + exponent) * 10^exponent
  const places = fractionDigits + exponent;
  const padded = absolute(value).toString() + '0'.repeat(Math.max(0, -places));
  const digits = padded.padStart(Math.max(0, places) + 1, '0');
  const split = digits.length - Math.max(0, places);
  const sign = value < 0n ? '-' : plus ? '+' : '';
  const fraction = digits.slice(split) + '0'.repeat(zerosAfter);
  const point = fraction === '' ? '' : `.${fraction}`;
  return `${sign}${'0'.repeat(zerosBefore)}${digits.slice(0, split)}${point}${mark}${exponent}`;
}

/** Written independently of the code under it. */
function plain(value: bigint): string {
  const text = absolute(value)
    .toString()
    .padStart(fractionDigits + 1, '0');
  const fraction = text.slice(-fractionDigits).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${text.slice(0, -fractionDigits)}${fraction === '' ? '' : `.${fraction}`}`;
}

it('U13: every spelling of a quantity has one canonical text', () => {
  fc.assert(
    fc.property(units, spelling, (value, how) => {
      expect(canonicalDecimal(spell(value, how))).toEqual({ ok: true, text: plain(value) });
    }),
    { numRuns: 2000 },
  );
});

it('U13: more digits than a quantity holds are refused', () => {
  const nines = (digits: number): string => '9'.repeat(digits);
  const most = `${nines(quantityIntegerDigitsMax)}.${nines(fractionDigits)}`;
  expect(canonicalDecimal(most)).toEqual({ ok: true, text: most });
  for (const sign of ['', '-']) {
    expect(canonicalDecimal(`${sign}9${most}`)).toEqual({ ok: false, problem: 'too_many_integer_digits' });
    expect(canonicalDecimal(`${sign}${most}9`)).toEqual({ ok: false, problem: 'too_many_fraction_digits' });
  }
});

it('U13: a canonical text is its own canonical text', () => {
  fc.assert(
    fc.property(units, (value) => {
      expect(canonicalDecimal(plain(value))).toEqual({ ok: true, text: plain(value) });
    }),
  );
});

it('U13: a sum of accepted texts is the exact sum, in any order', () => {
  fc.assert(
    fc.property(fc.array(units, { maxLength: 50 }), (values) => {
      const sum = new DecimalSum();
      const backwards = new DecimalSum();
      for (const value of values) sum.add(plain(value));
      for (const value of values.toReversed()) backwards.add(plain(value));
      const exact = plain(values.reduce((total, value) => total + value, 0n));
      expect([sum.toString(), backwards.toString()]).toEqual([exact, exact]);
    }),
  );
});

it('any text has an answer, and an accepted one is canonical and within the limits', () => {
  const likely = fc.string({ unit: fc.constantFrom(...'0123456789.eE+-'), maxLength: 40 });
  fc.assert(
    fc.property(fc.oneof(likely, fc.string({ unit: 'binary' })), (text) => {
      const decimal = canonicalDecimal(text);
      if (!decimal.ok) return;
      expect(decimal.text).toMatch(/^(0|-?(0|[1-9]\d{0,19})(\.\d{0,17}[1-9])?)$/);
      expect(decimal.text).not.toBe('-0');
    }),
    { numRuns: 2000 },
  );
});

it.each([
  ['0', '0'],
  ['-0', '0'],
  ['-0.000', '0'],
  ['0e99999', '0'],
  ['+0.0E-5', '0'],
  ['1.', '1'],
  ['.5', '0.5'],
  ['-.5', '-0.5'],
  ['1e0000005', '100000'],
  ['100e-2', '1'],
  ['1.10', '1.1'],
])('%s is %s', (text, canonical) => {
  expect(canonicalDecimal(text)).toEqual({ ok: true, text: canonical });
});

it.each([
  ['1e20', 'too_many_integer_digits'],
  ['1e99999', 'too_many_integer_digits'],
  ['1e-19', 'too_many_fraction_digits'],
  ['1e-99999', 'too_many_fraction_digits'],
  ['.', 'not_a_decimal'],
  ['e5', 'not_a_decimal'],
  ['1e', 'not_a_decimal'],
  ['--1', 'not_a_decimal'],
  ['1,5', 'not_a_decimal'],
  ['١', 'not_a_decimal'],
])('%s is %s', (text, problem) => {
  expect(canonicalDecimal(text)).toEqual({ ok: false, problem });
});

it('U13: quantities are compared as numbers of any length', () => {
  fc.assert(
    fc.property(units, units, (a, b) => {
      const order = a < b ? -1 : a > b ? 1 : 0;
      expect(Math.sign(compareDecimals(plain(a), plain(b)))).toBe(order);
      expect(compareDecimals(plain(a), plain(a))).toBe(0);
    }),
    { numRuns: 5000 },
  );
});
