import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDay, parseDay, parseTimestamp } from '../../shared/events/calendar.ts';

describe('timestamps', () => {
  it.each([
    ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.000Z'],
    ['2026-11-23t10:00:00z', '2026-11-23T10:00:00.000Z'],
    ['2026-11-23T10:00:00.5Z', '2026-11-23T10:00:00.500Z'],
    ['2026-11-23T10:00:00.123456789Z', '2026-11-23T10:00:00.123Z'],
    ['2026-11-23T23:59:59.999999999Z', '2026-11-23T23:59:59.999Z'],
    ['2026-11-23T00:30:00+01:00', '2026-11-22T23:30:00.000Z'],
    ['2026-11-23T23:30:00-05:45', '2026-11-24T05:15:00.000Z'],
    ['2026-11-23T10:00:00-00:00', '2026-11-23T10:00:00.000Z'],
    ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['2000-02-29T12:00:00Z', '2000-02-29T12:00:00.000Z'],
    ['2026-11-23 10:00:00Z', '2026-11-23T10:00:00.000Z'],
    ['2026-11-23 10:00:00.5+01:00', '2026-11-23T09:00:00.500Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(new Date(parseTimestamp(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each([
    '',
    'yesterday',
    '2026-11-23',
    '2026-11-23T10:00Z',
    '2026-11-23T10:00:00',
    '2026-11-23  10:00:00Z',
    '2026-11-23 10:00:00',
    '2026-11-23 10:00:00 +00:00',
    '2026-11-23_10:00:00Z',
    '2026-11-23T10:00:00.Z',
    '2026-11-23T10:00:00,5Z',
    '2026-11-23T10:00:00.1234567890Z',
    '2026-11-23T10:00:00+0100',
    '2026-11-23T10:00:00+01',
    '2026-11-23T10:00:00+24:00',
    '2026-11-23T10:00:00+01:60',
    '2026-11-23T10:00:00ZZ',
    ' 2026-11-23T10:00:00Z',
    '2026-11-23T10:00:00Z ',
    '2026-11-23T24:00:00Z',
    '2026-11-23T10:60:00Z',
    '2026-11-23T23:59:60Z',
    '2026-02-29T10:00:00Z',
    '2100-02-29T10:00:00Z',
    '2026-04-31T10:00:00Z',
    '2026-00-10T10:00:00Z',
    '2026-13-10T10:00:00Z',
    '2026-11-00T10:00:00Z',
    '+02026-11-23T10:00:00Z',
    '２026-11-23T10:00:00Z',
    '1795428000000',
    '0000-01-01T00:00:00Z',
    '0000-12-31T23:59:59-01:00',
  ])('%j is no timestamp', (text) => {
    expect(parseTimestamp(text)).toBeNull();
  });

  it('every instant of four-digit years is read back from its ISO text', () => {
    const min = Date.parse('0001-01-01T00:00:00.000Z');
    const max = Date.parse('9999-12-31T23:59:59.999Z');
    fc.assert(
      fc.property(fc.integer({ min, max }), (ms) => {
        expect(parseTimestamp(new Date(ms).toISOString())).toBe(ms);
      }),
    );
  });

  it('any text has an answer', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const parsed = parseTimestamp(text);
        expect(parsed === null || Number.isSafeInteger(parsed)).toBe(true);
      }),
    );
  });
});

describe('days', () => {
  it.each(['1970-01-01', '2024-02-29', '1969-12-31', '2026-11-23'])('%s is read and written', (text) => {
    expect(formatDay(parseDay(text) ?? Number.NaN)).toBe(text);
  });

  it.each([
    '',
    '2026-2-3',
    '2026-02-30',
    '2026-11-23T',
    '20261123',
    '2026/11/23',
    '-026-11-23',
    '0000-01-01',
    '0000-12-31',
  ])('%j is no day', (text) => {
    expect(parseDay(text)).toBeNull();
  });
});
