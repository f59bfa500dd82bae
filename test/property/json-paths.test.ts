import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import type { Candidate, Rejection } from '../../functions/ingest/candidate.ts';
import { fromHttpItem } from '../../functions/ingest/from-http-events.ts';
import {
  hasLongRun,
  mayLoseDigits,
  numberTextOf,
  parseExact,
  readJson,
} from '../../functions/ingest/read-json.ts';
import { canonicalNumber } from '../../functions/ingest/read-properties.ts';
import { usageBody } from '../harness/builders/handlers.ts';

vi.setConfig({ testTimeout: 30_000 });

/** JSON numbers as texts: short and long, with every kind of exponent, zeros and signs. */
const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max });
const exponent = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-', 'E-'), digits(5)).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('e', 'e-'), fc.integer({ min: 0, max: 400 })).map((parts) => parts.join('')),
);
const numberText = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(
      fc.constant('0'),
      digits(25).map((text) => `1${text}`),
      digits(4).map((text) => `2${text}`),
    ),
    fc.oneof(
      fc.constant(''),
      digits(25).map((text) => `.${text}`),
      digits(3).map((text) => `.${text}`),
    ),
    exponent,
  )
  .map((parts) => parts.join(''));

function fromText(event: string): Candidate | Rejection | undefined {
  const reading = readJson(event);
  return reading.ok ? fromHttpItem(reading.value, 0) : undefined;
}

function fromExact(event: string): Candidate | Rejection {
  return fromHttpItem(parseExact(event), 0);
}

it('U13: both ways to read a body give the same event, for any number anywhere in it', () => {
  fc.assert(
    fc.property(
      numberText,
      numberText,
      fc.constantFrom('quantity', 'properties', 'metric_name', 'timestamp'),
      (a, b, at) => {
        const event = JSON.stringify(
          usageBody({ quantity: '@a', properties: { p: '@b', q: 1.5 }, [at]: '@a' }),
        )
          .replaceAll('"@a"', a)
          .replaceAll('"@b"', b);
        expect(fromText(event)).toEqual(fromExact(event));
      },
    ),
    { numRuns: 2000 },
  );
});

it('U13: both ways to read a body give the same event, for any JSON', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 2 }), (event) => {
      expect(fromText(event)).toEqual(fromExact(event));
    }),
    { numRuns: 500 },
  );
});

it('U13: a number that is read as a float has the value that was written', () => {
  let floats = 0;
  fc.assert(
    fc.property(numberText, fc.constantFrom('[', '[ ', '{"a":', '[0,', ''), (text, before) => {
      if (mayLoseDigits(`${before}${text}`)) return;
      floats++;
      const asFloat = numberTextOf(JSON.parse(text));
      expect(canonicalNumber(asFloat ?? '')).toBe(canonicalNumber(text));
    }),
    { numRuns: 5000 },
  );
  expect(floats).toBeGreaterThan(500);
});

it('U13: a float that is no longer the number is never read', () => {
  for (const text of ['1e400', '-1e-400', '4.9e-324', '1234567890123456', '0.1234567890123456', '9E+999'])
    for (const before of ['', '[', '[ ', '{"a":', '[0,']) expect(mayLoseDigits(before + text)).toBe(true);
});

it('a key of hexadecimal digits does not cost the exact reading', () => {
  expect(mayLoseDigits('{"idempotency_key":"9e123456-1e400-4e12-8e99-0e1234567890"}')).toBe(false);
});

it('a long run is found exactly where the pattern finds one', () => {
  const unit = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...'0123456789.') },
    { weight: 1, arbitrary: fc.constantFrom(...'ae-" ') },
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
      expect(hasLongRun(text)).toBe(/[0-9.]{16,}/.test(text));
    }),
    { numRuns: 2000 },
  );
});

it('the canonical text of a number is a JSON number of the same value, and its own canonical text', () => {
  fc.assert(
    fc.property(numberText, (text) => {
      const canonical = canonicalNumber(text);
      if (canonical === null) return;
      expect(canonicalNumber(canonical)).toBe(canonical);
      expect(JSON.parse(canonical) === JSON.parse(text)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
