import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNumberLiteral, isNumberSyntax, utcDate } from './literals.js';

describe('utcDate', () => {
  it.each([
    ['2025-11-07', '2025-11-07T00:00:00Z'],
    ['2025-11-07T10:00:00Z', '2025-11-07T10:00:00Z'],
    ['2025-11-07t10:00:00z', '2025-11-07T10:00:00Z'],
    ['2025-11-07T10:00:00.123456789Z', '2025-11-07T10:00:00.123456789Z'],
    ['2025-01-01T00:30:00+01:00', '2024-12-31T23:30:00Z'],
    ['2025-01-01T00:30:00.5-23:59', '2025-01-02T00:29:00.5Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['0001-01-01', '0001-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('reads %s', (text, expected) => {
    expect(utcDate(text)).toBe(expected);
  });

  it.each([
    ...['2025-02-30', '2025-02-29', '2025-13-01', '2025-00-01', '2025-01-00', '0000-01-01', '25-01-01'],
    ...['2025-01-01T24:00:00Z', '2025-01-01T23:60:00Z', '2025-01-01T23:59:60Z', '2025-01-01T10:00Z'],
    ...[
      '2025-01-01T10:00:00',
      '2025-01-01 10:00:00Z',
      '2025-01-01T10:00:00+24:00',
      '2025-01-01T10:00:00 01:00',
    ],
    ...[
      '0001-01-01T00:00:00+00:01',
      '9999-12-31T23:59:59-00:01',
      '2025-01-01T10:00:00.Z',
      '',
      'now',
      '12345',
    ],
    ...['2025-01-01T10:00:00.1234567890Z', ' 2025-01-01', '2025-01-01\n'],
  ])('refuses %j', (text) => {
    expect(utcDate(text)).toBeUndefined();
  });

  it('keeps the instant of every date in range', () => {
    const date = fc.date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true });
    fc.assert(
      fc.property(date, (at) => {
        expect(Date.parse(utcDate(at.toISOString())!)).toBe(at.getTime());
      }),
    );
  });
});

describe('isNumberLiteral', () => {
  it.each([
    '0',
    '-0',
    '5',
    '5.0',
    '1e2',
    '1E+2',
    '-1.5e-3',
    '9007199254740993',
    '5e-400',
    `0.${'1'.repeat(38)}`,
  ])('takes %s', (text) => {
    expect(isNumberLiteral(text)).toBe(true);
  });

  it('takes JavaScript’s own spelling of every double', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(fc.property(double, (value) => isNumberLiteral(String(value))));
    for (const edge of [Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE]) {
      expect(isNumberLiteral(String(edge))).toBe(true);
    }
  });

  it.each([
    ...['1e-20000', '-1e-20000', '0e99999999999', '0e-99999999999', '1e-99999999999', '5e-401', '0e401'],
    ...[`0.${'1'.repeat(39)}`, '1'.repeat(41), `1e${'0'.repeat(40)}1`],
  ])('refuses %s, which is beyond what a filter compares with, yet written like a number', (text) => {
    expect(isNumberLiteral(text)).toBe(false);
    expect(isNumberSyntax(text)).toBe(true);
  });

  it.each(['', ' 5', '5 ', '05', '+5', '.5', '5.', '1e', 'NaN', 'Infinity', '1e999', '0x10', '1_000', '٥'])(
    'refuses %j',
    (text) => {
      expect(isNumberLiteral(text)).toBe(false);
      expect(isNumberSyntax(text)).toBe(text === '1e999');
    },
  );
});
