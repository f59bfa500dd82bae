/** Between our words and what the driver sends and returns. */
import { invariant } from '../../errors.ts';

/** An int8 or numeric column, which the driver returns as text. */
export function toSafeInteger(text: string): number {
  const value = Number(text);
  invariant(Number.isSafeInteger(value), `${text} is not a safe integer`);
  return value;
}

/** A uuid column as 32 hex digits. */
export function fromUuid(text: string): string {
  return text.replaceAll('-', '');
}
