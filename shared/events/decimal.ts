/**
 * Exact decimals as canonical text: no exponent, no trailing zeros, no plus, no minus zero (U13). Written by
 * one function, used for encoding, hashing and answers. Sums are BigInt; no float touches a quantity.
 */
import { quantityFractionDigitsMax, quantityIntegerDigitsMax } from '../limits.ts';

const decimalPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Why a text is not a quantity. */
type DecimalProblem = 'not_a_decimal' | 'too_many_integer_digits' | 'too_many_fraction_digits';

export type DecimalResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: DecimalProblem };

/**
 * Canonical text of a decimal with at most 20 integer and 18 fraction digits; exponents are expanded. Total for
 * any text, in time proportional to its length: the caller bounds that by `quantityCharsMax`.
 */
export function canonicalDecimal(text: string): DecimalResult {
  if (/^(0|[1-9]\d{0,14})$/.test(text)) return { ok: true, text };
  const match = decimalPattern.exec(text);
  if (match === null) return { ok: false, problem: 'not_a_decimal' };
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  if (whole === '' && fraction === '') return { ok: false, problem: 'not_a_decimal' };
  const digits = whole + fraction;
  const significant = digits.replace(/^0+/, '').replace(/0+$/, '');
  if (significant === '') return { ok: true, text: '0' };
  const leadingZeros = digits.length - digits.replace(/^0+/, '').length;
  // The value is 0.<significant> times ten to the `point`.
  const point = whole.length + Number(exponentText) - leadingZeros;
  if (point > quantityIntegerDigitsMax) return { ok: false, problem: 'too_many_integer_digits' };
  if (significant.length - point > quantityFractionDigitsMax) {
    return { ok: false, problem: 'too_many_fraction_digits' };
  }
  const integer = point <= 0 ? '0' : significant.slice(0, point).padEnd(point, '0');
  const rest = point <= 0 ? '0'.repeat(-point) + significant : significant.slice(point);
  return { ok: true, text: (sign === '-' ? '-' : '') + (rest === '' ? integer : `${integer}.${rest}`) };
}

/** Negative where canonical decimal `a` is below `b`, zero where they are equal, else positive. */
// Same type: the order of every comparison.
export function compareDecimals(a: string, b: string): number {
  if (a === b) return 0;
  const negative = a.startsWith('-');
  if (negative !== b.startsWith('-')) return negative ? -1 : 1;
  const [x, y] = negative ? [b.slice(1), a.slice(1)] : [a, b];
  const lengths = integerCharsOf(x) - integerCharsOf(y);
  // Digits of the same weight are at the same place, and there are no zeros at an end to be compared.
  if (lengths !== 0) return lengths;
  return x < y ? -1 : 1;
}

function integerCharsOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? text.length : point;
}

const scale = 10n ** BigInt(quantityFractionDigitsMax);

/** An exact running sum of canonical decimals, in two lanes so that whole numbers stay small BigInts. */
export class DecimalSum {
  #units = 0n;
  #fractions = 0n;

  add(text: string): void {
    const point = text.indexOf('.');
    if (point < 0) {
      this.#units += BigInt(text);
      return;
    }
    const fraction = BigInt(text.slice(point + 1).padEnd(quantityFractionDigitsMax, '0'));
    const negative = text.startsWith('-');
    this.#units += BigInt(text.slice(0, point));
    this.#fractions += negative ? -fraction : fraction;
  }

  /** Canonical text of the sum. */
  toString(): string {
    const total = this.#units * scale + this.#fractions;
    const absolute = total < 0n ? -total : total;
    const fraction = (absolute % scale)
      .toString()
      .padStart(quantityFractionDigitsMax, '0')
      .replace(/0+$/, '');
    const integer = (absolute / scale).toString();
    return (total < 0n ? '-' : '') + (fraction === '' ? integer : `${integer}.${fraction}`);
  }
}
