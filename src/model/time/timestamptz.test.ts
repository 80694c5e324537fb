import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkZone, formatTimestamp, parseTimestamp, TIMESTAMP_MAX, TIMESTAMP_MIN } from './timestamptz.js';

const micros = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;

describe('parseTimestamp', () => {
  it.each([
    ['2025-01-01T00:00:00Z', micros('2025-01-01T00:00:00Z')],
    ['2025-01-01T00:00:00+08:00', micros('2024-12-31T16:00:00Z')],
    ['2025-01-01 00:00:00-0330', micros('2025-01-01T03:30:00Z')],
    ['2025-01-01T00:00:00+08', micros('2024-12-31T16:00:00Z')],
    ['2025-01-01', micros('2025-01-01T00:00:00Z')],
    ['2025-06-01T12:30', micros('2025-06-01T12:30:00Z')],
    ['2025-06-01T12:30:15.123456Z', micros('2025-06-01T12:30:15Z') + 123_456n],
    ['2025-06-01T12:30:15.5Z', micros('2025-06-01T12:30:15.500Z')],
    ['1969-12-31T23:59:59.999999Z', -1n],
    ['0001-01-01T00:00:00Z', TIMESTAMP_MIN],
    ['9999-12-31T23:59:59.999999Z', TIMESTAMP_MAX],
  ])('%s', (text, wanted) => expect(parseTimestamp(text, 'UTC')).toBe(wanted));

  it.each([
    '',
    'now',
    '2025-13-01',
    '2025-02-30',
    '2025-01-01T24:00:00Z',
    '2025-01-01T00:60:00Z',
    '2025-01-01T00:00:00+19:00',
    '25-01-01',
    '2025-1-1',
    '0000-01-01',
    '0001-01-01T00:00:00+01:00',
  ])('refuses %j', (text) => expect(parseTimestamp(text, 'UTC')).toBeUndefined());

  it('takes a text without an offset for local time of the zone', () => {
    expect(parseTimestamp('2025-01-01T00:00:00', 'Asia/Shanghai')).toBe(micros('2024-12-31T16:00:00Z'));
    expect(parseTimestamp('2025-07-01T12:00:00', 'America/New_York')).toBe(micros('2025-07-01T16:00:00Z'));
    // Clocks go back at 06:00 UTC: 01:30 is there twice, and 02:30 of the spring day is not there at all.
    expect(parseTimestamp('2025-11-02T01:30:00', 'America/New_York')).toBe(micros('2025-11-02T05:30:00Z'));
    expect(parseTimestamp('2025-03-09T02:30:00', 'America/New_York')).toBe(micros('2025-03-09T07:30:00Z'));
  });
});

describe('formatTimestamp', () => {
  it('writes the zone it is asked for', () => {
    const noon = micros('2025-07-01T12:00:00Z');
    expect(formatTimestamp(noon, 'UTC')).toBe('2025-07-01T12:00:00Z');
    expect(formatTimestamp(noon + 120_000n, 'Asia/Kolkata')).toBe('2025-07-01T17:30:00.12+05:30');
    expect(formatTimestamp(noon, 'America/New_York')).toBe('2025-07-01T08:00:00-04:00');
    expect(formatTimestamp(-1n, 'UTC')).toBe('1969-12-31T23:59:59.999999Z');
  });

  it('gives back what was parsed, in every zone', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: micros('1900-01-01T00:00:00Z'), max: micros('2100-01-01T00:00:00Z') }),
        fc.constantFrom('UTC', 'Asia/Shanghai', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'),
        (at, zone) => {
          const text = formatTimestamp(at, zone);
          // Offsets of long ago have seconds, which no ISO text can say.
          if (at < micros('1973-01-01T00:00:00Z')) return;
          expect(parseTimestamp(text, 'UTC')).toBe(at);
        },
      ),
    );
  });
});

it('an unknown zone is refused', () => {
  checkZone('Europe/Berlin');
  expect(() => checkZone('Mars/Olympus')).toThrow(/IANA/);
});
