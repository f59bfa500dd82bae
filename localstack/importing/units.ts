/** Units of time and of quantity, exactly: digits move and multiply as whole numbers, no float touches them. */
import { canonicalDecimal } from '../../shared/events/decimal.ts';
import { quantityCharsMax } from '../../shared/limits.ts';

/** What a number of the file counts since 1970. */
export const timeUnits = ['s', 'ms', 'us', 'ns'] as const;
export type TimeUnit = (typeof timeUnits)[number];

const nanosecondDigits: Readonly<Record<TimeUnit, number>> = { s: 9, ms: 6, us: 3, ns: 0 };
const nanosecondsInMillisecond = 1_000_000n;
const nanosecondsInSecond = 1_000_000_000n;
/** The last second that `Date` can hold. */
const secondMax = 8_640_000_000_000n;

/** How many bytes, seconds or pieces one of it is. */
const quantityUnits: Readonly<Record<string, string>> = {
  kB: '1e3',
  MB: '1e6',
  GB: '1e9',
  TB: '1e12',
  KiB: '1024',
  MiB: '1048576',
  GiB: '1073741824',
  TiB: '1099511627776',
  us: '1e-6',
  ms: '1e-3',
  min: '60',
  h: '3600',
  d: '86400',
  thousand: '1e3',
  million: '1e6',
};
export const quantityUnitNames = Object.keys(quantityUnits);

/** The factor of a named unit, or of a decimal that is one; null for anything else. */
export function factorOf(unit: string): string | null {
  if (Object.hasOwn(quantityUnits, unit)) return quantityUnits[unit] ?? null;
  return canonicalDecimal(unit).ok ? unit : null;
}

interface Digits {
  readonly units: bigint;
  /** The value is `units` times ten to the `exponent`. */
  readonly exponent: number;
}

const decimal = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

function digitsOf(text: string): Digits | null {
  const [whole, sign = '', integer = '', fraction = '', exponent = '0'] = decimal.exec(text) ?? [];
  if (whole === undefined || integer + fraction === '' || text.length > quantityCharsMax) return null;
  const units = BigInt(integer + fraction);
  return { units: sign === '-' ? -units : units, exponent: Number(exponent) - fraction.length };
}

interface Scaling {
  readonly factor: string | undefined;
  /** Digits behind the point that are kept: a float's text has more of them than it knows. */
  readonly fractionDigits: number | undefined;
}

/** The quantity in the event's unit. A text that is no decimal stays as it is: the server says what is wrong with it. */
export function scaledQuantity(text: string, { factor, fractionDigits }: Scaling): string {
  if (factor === undefined && fractionDigits === undefined) return text;
  const value = digitsOf(text);
  const times = digitsOf(factor ?? '1');
  if (value === null || times === null) return text;
  const product = { units: value.units * times.units, exponent: value.exponent + times.exponent };
  const { units, exponent } = rounded(product, fractionDigits);
  const result = canonicalDecimal(`${units}e${exponent}`);
  // Out of range: the exact text shows the server's rule what it was.
  return result.ok ? result.text : `${units}e${exponent}`;
}

/** Half away from zero. */
function rounded({ units, exponent }: Digits, fractionDigits: number | undefined): Digits {
  if (fractionDigits === undefined || -exponent <= fractionDigits) return { units, exponent };
  const divisor = 10n ** BigInt(-exponent - fractionDigits);
  const half = units < 0n ? -divisor / 2n : divisor / 2n;
  return { units: (units + half) / divisor, exponent: -fractionDigits };
}

interface TimeRule {
  readonly unit: TimeUnit | undefined;
  /** `Z`, `+hh:mm` or `-hh:mm` of texts that have none. */
  readonly zone: string | undefined;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const logTime = /^(\d\d)\/([A-Z][a-z][a-z])\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/;
const day = /^\d{4}-\d\d-\d\d$/;
const withoutZone = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?$/;
/** As Postgres writes it. */
const hourZone = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)$/;

/** The timestamp as the API takes it. What is no time stays as it is: the server says what is wrong with it. */
export function timestampOf(text: string, { unit, zone }: TimeRule): string {
  const number = unit === undefined ? null : digitsOf(text);
  if (number !== null && unit !== undefined) return instantOf(number, unit) ?? text;
  const [, dayOfMonth, month = '', year, time, hours, minutes] = logTime.exec(text) ?? [];
  const monthNumber = months.indexOf(month) + 1;
  if (monthNumber > 0) {
    return `${year}-${String(monthNumber).padStart(2, '0')}-${dayOfMonth}T${time}${hours}:${minutes}`;
  }
  if (hourZone.test(text)) return text.replace(hourZone, '$1$2:00');
  if (zone === undefined) return text;
  if (day.test(text)) return `${text}T00:00:00${zone}`;
  return withoutZone.test(text) ? text + zone : text;
}

/** Cut, not rounded, to nanoseconds. */
function instantOf({ units, exponent }: Digits, unit: TimeUnit): string | null {
  const shift = exponent + nanosecondDigits[unit];
  const nanoseconds = shift >= 0 ? units * 10n ** BigInt(shift) : units / 10n ** BigInt(-shift);
  const seconds = nanoseconds / nanosecondsInSecond;
  if (nanoseconds < 0n || seconds > secondMax) return null;
  const iso = new Date(Number(nanoseconds / nanosecondsInMillisecond)).toISOString();
  const fraction = String(nanoseconds % nanosecondsInSecond)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${iso.slice(0, -5)}${fraction === '' ? '' : `.${fraction}`}Z`;
}
