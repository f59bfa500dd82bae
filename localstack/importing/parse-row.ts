/** JSON whose numbers keep every digit, on the way in and on the way out. */

declare global {
  interface JSON {
    /** ES2025: a value that JSON.stringify writes as the given text. */
    rawJSON(text: string): RawJson;
    isRawJSON(value: unknown): value is RawJson;
  }
}

interface RawJson {
  readonly rawJSON: string;
}

/** JSON.parse whose numbers are written again by JSON.stringify with every digit. Throws for what is not JSON. */
export function parseKeepingDigits(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined ? JSON.rawJSON(context.source) : value,
  );
}

/** A number that JSON.stringify writes as the given text. */
export function rawNumber(text: string): unknown {
  return JSON.rawJSON(text);
}

/** The text of a number that was parsed here; null for any other value. */
export function numberText(value: unknown): string | null {
  return JSON.isRawJSON(value) ? value.rawJSON : null;
}

/** Whether lists and objects are nested in the value more than `levels` deep. */
export function nestsDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const members: readonly unknown[] = Object.values(value);
  return levels === 0 || members.some((member) => nestsDeeper(member, levels - 1));
}
