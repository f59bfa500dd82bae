/** Exact decimals as BigInt counts of 1e-18. */
const fractionDigits = 18;
const one = 10n ** BigInt(fractionDigits);
const canonicalQuantity = /^-?(?:0|[1-9]\d{0,19})(?:\.\d{0,17}[1-9])?$/;
const anyDecimal = /^(-?)(\d+)(?:\.(\d{1,18})0*)?$/;

/** Whether a text is the one way to write a quantity: at most 20 and 18 digits, nothing superfluous. */
export function isQuantity(text: string): boolean {
  return canonicalQuantity.test(text) && text !== '-0';
}

/** Quantities repeat, and parsing one costs more than finding it. */
const parsed = new Map<string, bigint>();
const parsedMax = 4096;

/** Throws on what is not a plain decimal, so that NaN or an exponent in a shard is never taken for a sum. */
export function toUnits(text: string): bigint {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const units = parseUnits(text);
  if (parsed.size < parsedMax) parsed.set(text, units);
  return units;
}

function parseUnits(text: string): bigint {
  const match = anyDecimal.exec(text);
  if (match === null) throw new Error(`not a decimal of at most ${fractionDigits} fraction digits: ${text}`);
  const [, sign, whole = '', fraction = ''] = match;
  const units = BigInt(whole + fraction.padEnd(fractionDigits, '0'));
  return sign === '-' ? -units : units;
}

/** The canonical text of a count of 1e-18. */
export function fromUnits(units: bigint): string {
  const absolute = units < 0n ? -units : units;
  const fraction = (absolute % one).toString().padStart(fractionDigits, '0').replace(/0+$/, '');
  const text = `${absolute / one}${fraction === '' ? '' : `.${fraction}`}`;
  return units < 0n ? `-${text}` : text;
}
