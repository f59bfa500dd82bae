/** Timestamps and days as ingest and query accept them: strict texts in, numbers out, no clock. */
import { dayMs } from '../limits.ts';

const zero = 48;
const fractionDigitsMax = 9;
/** Between date and time. RFC 3339 allows the space, and databases write it. */
const separators: ReadonlySet<string | undefined> = new Set(['T', 't', ' ']);
/** Digits from here on are beyond milliseconds. */
const millisecondDigits = 3;

/**
 * Milliseconds since 1970 of an RFC 3339 timestamp with an offset; null for anything else. Up to nine fraction
 * digits are read and cut (not rounded) to milliseconds, so that no event moves into the next day. A leap
 * second (`:60`) is refused: the clocks of computers do not show one.
 */
export function parseTimestamp(text: string): number | null {
  const day = dayAt(text);
  if (day === null || !separators.has(text[10])) return null;
  if (text[13] !== ':' || text[16] !== ':') return null;
  const hour = digitsAt(text, 11, 2);
  const minute = digitsAt(text, 14, 2);
  const second = digitsAt(text, 17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null;
  let at = 19;
  let milliseconds = 0;
  if (text[at] === '.') {
    const from = ++at;
    for (let digit = digitsAt(text, at, 1); digit >= 0; digit = digitsAt(text, ++at, 1)) {
      if (at - from < millisecondDigits) milliseconds += digit * 10 ** (millisecondDigits - 1 - (at - from));
    }
    if (at === from || at - from > fractionDigitsMax) return null;
  }
  const offset = offsetMinutesAt(text, at);
  if (offset === null) return null;
  return day * dayMs + ((hour * 60 + minute - offset) * 60 + second) * 1000 + milliseconds;
}

/** Days since 1970-01-01 of a `YYYY-MM-DD` that exists; null for anything else, also of the year 0. */
export function parseDay(text: string): number | null {
  return text.length === 10 ? dayAt(text) : null;
}

/** The UTC day of a moment, counted from 1970-01-01. */
export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs);
}

/** The `YYYY-MM-DD` of a day. */
export function formatDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

function dayAt(text: string): number | null {
  const year = digitsAt(text, 0, 4);
  const month = digitsAt(text, 5, 2);
  const dayOfMonth = digitsAt(text, 8, 2);
  // Postgres counts no year 0.
  if (year < 1 || month < 1 || month > 12 || dayOfMonth < 1 || text[4] !== '-' || text[7] !== '-')
    return null;
  if (dayOfMonth > 28 && dayOfMonth > daysInMonth(year, month)) return null;
  return civilDay(year, month, dayOfMonth);
}

// Same type: the order of ISO 8601.
function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, so leap days come last. */
// Same type: the order of ISO 8601.
function civilDay(year: number, month: number, dayOfMonth: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + dayOfMonth - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const daysBefore1970 = 719_468;
  return marchYear * 365 + leapDays + dayOfYear - daysBefore1970;
}

/** Minutes east of UTC of `Z`, `+hh:mm` or `-hh:mm` that ends the text; null for anything else. */
function offsetMinutesAt(text: string, at: number): number | null {
  const sign = text[at];
  if (sign === 'Z' || sign === 'z') return text.length === at + 1 ? 0 : null;
  if ((sign !== '+' && sign !== '-') || text.length !== at + 6 || text[at + 3] !== ':') return null;
  const hours = digitsAt(text, at + 1, 2);
  const minutes = digitsAt(text, at + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes);
}

/** The number that `count` ASCII digits from `at` make; -1 where one of them is no digit. */
// Same type: as for `substr`.
function digitsAt(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - zero;
    // A missing character is NaN, for which both comparisons are false.
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}
