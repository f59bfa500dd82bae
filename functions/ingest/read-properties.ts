/** The one canonical JSON text of an event's properties: names in code unit order, numbers normalised. */
import { canonicalDecimal } from '../../shared/events/decimal.ts';
import {
  propertiesBytesMax,
  propertiesMax,
  propertyNameCharsMax,
  quantityCharsMax,
} from '../../shared/limits.ts';
import { isJsonObject, numberTextOf } from './read-json.ts';

export type PropertiesResult =
  | { readonly ok: true; readonly text: string | null }
  | { readonly ok: false; readonly code: string; readonly field: string; readonly message: string };

/** Canonical text of a flat object of JSON scalars; null for an empty one: it means the same as none. */
export function canonicalProperties(value: unknown): PropertiesResult {
  if (!isJsonObject(value)) {
    return invalid('wrong_type', 'properties', 'properties must be an object of scalars');
  }
  const names = Object.keys(value).sort();
  if (names.length === 0) return { ok: true, text: null };
  if (names.length > propertiesMax) {
    return invalid('too_many', 'properties', `properties must have at most ${propertiesMax} names`);
  }
  let text = '';
  for (const name of names) {
    if (name.length === 0 || name.length > propertyNameCharsMax) {
      return invalid(
        'invalid_name',
        'properties',
        `a property's name must have 1 to ${propertyNameCharsMax} characters`,
      );
    }
    const scalar = scalarText(Reflect.get(value, name));
    if (scalar === null) {
      return invalid(
        'wrong_type',
        `properties.${name}`,
        `a property must be a string, a number of at most ${quantityCharsMax} characters, a boolean or null`,
      );
    }
    text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${scalar}`;
    // Checked in the loop, so that no text longer than the limit is put together.
    if (text.length >= propertiesBytesMax) break;
  }
  text += '}';
  if (text.length > propertiesBytesMax || Buffer.byteLength(text) > propertiesBytesMax) {
    return invalid(
      'too_long',
      'properties',
      `properties must have at most ${propertiesBytesMax} bytes as JSON`,
    );
  }
  return { ok: true, text };
}

// Same type: a swap shows in every golden answer.
function invalid(code: string, field: string, message: string): PropertiesResult {
  return { ok: false, code, field, message };
}

function scalarText(value: unknown): string | null {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (value === null) return 'null';
  const text = numberTextOf(value);
  return text === null ? null : canonicalNumber(text);
}

const jsonNumber = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const exponentMax = 9999;

/**
 * Canonical text of any JSON number: decimal where a quantity could hold it, else `1.5e-30`. Null for a number
 * whose text or exponent is beyond reason.
 */
export function canonicalNumber(text: string): string | null {
  if (text.length > quantityCharsMax) return null;
  const decimal = canonicalDecimal(text);
  if (decimal.ok) return decimal.text;
  const match = jsonNumber.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  const unpadded = (whole + fraction).replace(/^0+/, '');
  const significant = unpadded.replace(/0+$/, '');
  if (significant === '') return '0';
  // The value is d.ddd times ten to the `exponent`, with d the first significant digit.
  const leadingZeros = whole.length + fraction.length - unpadded.length;
  const exponent = whole.length - leadingZeros - 1 + Number(exponentText);
  if (Math.abs(exponent) > exponentMax) return null;
  const rest = significant.slice(1);
  return `${sign}${significant.slice(0, 1)}${rest === '' ? '' : `.${rest}`}e${exponent}`;
}
