/**
 * JSON without a lost digit (U13). JSON.parse makes a float of every number, which is exact up to 15 significant
 * digits; a body with a longer run is read with the source text of its numbers instead.
 */

/** A JSON number as the client wrote it. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Whether the client wrote `{...}`: no list, and no number that was read with its source. */
export function isJsonObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText)
  );
}

const exactRunMax = 15;
/** Inside these bounds a float keeps 15 digits; outside it may have been rounded to zero, infinity or less. */
const exactFloatMin = 1e-290;
const exactFloatMax = 1e290;
/** A number with an exponent of three digits; the look behind tells it from a hexadecimal key. */
const longExponent = /[eE][+-]?\d{3}(?<=[:,[\s]-?[\d.]+[eE][+-]?\d{3})/;

/** Whether the text holds a run of 16 or more digits and points. Such a run covers an index divisible by 16. */
export function hasLongRun(text: string): boolean {
  const stride = exactRunMax + 1;
  for (let probe = 0; probe < text.length; probe += stride) {
    if (!isNumeric(text.charCodeAt(probe))) continue;
    let from = probe;
    let to = probe + 1;
    while (from > 0 && isNumeric(text.charCodeAt(from - 1))) from--;
    while (to < text.length && isNumeric(text.charCodeAt(to))) to++;
    if (to - from > exactRunMax) return true;
  }
  return false;
}

function isNumeric(charCode: number): boolean {
  return (charCode >= 48 && charCode <= 57) || charCode === 46;
}

/** Turns numbers back into text, and remembers whether one of them may have lost its value to the float. */
export class NumberReader {
  #extremes = 0;

  /** The text of a JSON number; null for anything else. */
  textOf(value: unknown): string | null {
    if (value instanceof NumberText) return value.text;
    if (typeof value !== 'number') return null;
    const size = Math.abs(value);
    if (!(size >= exactFloatMin && size <= exactFloatMax)) this.#extremes++;
    return String(value);
  }

  get sawExtreme(): boolean {
    return this.#extremes > 0;
  }
}

export type JsonReading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

/**
 * Parses `text` and hands the value to `interpret` together with the reader of its numbers; twice where the
 * first reading met a number that a float cannot hold. Not ok: the text is not JSON, or nested beyond reading.
 */
export function readJson<T>(
  text: string,
  interpret: (value: unknown, numbers: NumberReader) => T,
): JsonReading<T> {
  try {
    if (!hasLongRun(text)) {
      const numbers = new NumberReader();
      const value = interpret(JSON.parse(text), numbers);
      if (!numbers.sawExtreme || !longExponent.test(text)) return { ok: true, value };
    }
    return { ok: true, value: interpret(parseExact(text), new NumberReader()) };
  } catch (error) {
    // RangeError: the reviver recurses, so a body of brackets ends the stack.
    if (error instanceof SyntaxError || error instanceof RangeError) return { ok: false };
    throw error;
  }
}

/** JSON.parse with every number as the `NumberText` of its source. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? new NumberText(context?.source ?? String(value)) : value,
  );
}
