// Parts of points in time: names as they are written, values in a zone, years before our era's first thousand and summer time among them.
import { expect, it } from 'vitest';
import { parseTimeParts, timePartsOf } from './time-parts.js';
import { parseTimestamp } from './timestamptz.js';

it('names are read with commas and spaces, in any case', () => {
  expect(parseTimeParts(undefined)).toEqual([]);
  expect(parseTimeParts('')).toEqual([]);
  expect(parseTimeParts('year,Month  day ,  MICROSECOND')).toEqual(['year', 'month', 'day', 'microsecond']);
  expect(() => parseTimeParts('weekday')).toThrow(/invalid time_fields "weekday"/);
  expect(() => parseTimeParts('year '.repeat(15))).toThrow(/at most 14/);
});

it.each([
  ['2025-07-01T00:00:00.5Z', 'Europe/Berlin', [2025n, 7n, 1n, 2n, 0n, 0n, 500_000n]],
  ['2025-01-01T00:00:00Z', 'America/New_York', [2024n, 12n, 31n, 19n, 0n, 0n, 0n]],
  ['0001-01-01T00:00:00.000001Z', 'UTC', [1n, 1n, 1n, 0n, 0n, 0n, 1n]],
  ['9999-12-31T23:59:59.999999Z', 'UTC', [9999n, 12n, 31n, 23n, 59n, 59n, 999_999n]],
])('%s in %s', (text, zone, wanted) => {
  const all = parseTimeParts('year month day hour minute second microsecond');
  expect(timePartsOf(parseTimestamp(text, 'UTC') ?? 0n, zone, all)).toEqual(wanted);
});
