/** Between our words and what the driver sends and returns. */
import { invariant } from '../../errors.ts';
import { formatDay } from '../../events/calendar.ts';

/** An int8 or numeric column, which the driver returns as text. */
export function toSafeInteger(text: string): number {
  const value = Number(text);
  invariant(Number.isSafeInteger(value), `${text} is not a safe integer`);
  return value;
}

/** The leaf of `usage_events` that holds a day. */
export function leafOf(day: number): string {
  return `usage_events_${formatDay(day).replaceAll('-', '')}`;
}

/** A uuid column as 32 hex digits. */
export function fromUuid(text: string): string {
  return text.replaceAll('-', '');
}
