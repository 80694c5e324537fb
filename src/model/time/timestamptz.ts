// Points in time: microseconds since 1970 in UTC as a bigint, and ISO 8601 texts with or without an offset. A text without one is local
// time of a zone that the caller names (IANA name). Years 1 to 9999 of the proleptic Gregorian calendar, as ISO 8601 texts can say them.
import { ElanusError } from '#base/errors.js';

const MICROS_A_SECOND = 1_000_000n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z. */
export const TIMESTAMP_MIN = -62_135_596_800_000_000n;
export const TIMESTAMP_MAX = 253_402_300_799_999_999n;

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?$/;

/** @throws invalid_parameter when the zone is not known here */
export function checkZone(zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch (cause) {
    throw new ElanusError(
      'invalid_parameter',
      `invalid timezone, should be a IANA timezone name: ${zone.slice(0, 64)}`,
      { cause },
    );
  }
}

/** @returns microseconds since 1970 UTC; undefined when the text is no point in time */
export function parseTimestamp(text: string, zone: string): bigint | undefined {
  const parts = ISO.exec(text.trim());
  if (parts === null) return undefined;
  const [, year = '', month = '', day = '', hour = '0', minute = '0', second = '0', fraction = '', offset] =
    parts;
  const fields = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const local = utcMillis(fields);
  if (local === undefined) return undefined;
  const shift = offset === undefined ? zoneOffset(local, zone) : offsetMillis(offset);
  if (shift === undefined) return undefined;
  const micros = BigInt(local - shift) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
  return micros >= TIMESTAMP_MIN && micros <= TIMESTAMP_MAX ? micros : undefined;
}

/** Undefined for days and hours that do not exist. */
function utcMillis([year, month, day, hour, minute, second]: readonly [
  number,
  number,
  number,
  number,
  number,
  number,
]): number | undefined {
  if (year < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  const isSame = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1;
  return isSame && date.getUTCDate() === day ? date.getTime() : undefined;
}

function offsetMillis(offset: string): number | undefined {
  if (offset === 'Z' || offset === 'z') return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(':', '') || '0');
  if (hours > 18 || minutes > 59) return undefined;
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

const DAY_MS = 86_400_000;

/** What to take from local time to get UTC, in ms. Of an hour that a zone has twice the earlier is meant, one it skips is counted on. */
function zoneOffset(local: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const before = offsetAt(local - DAY_MS, zone);
  if (offsetAt(local - before, zone) === before) return before;
  const after = offsetAt(local + DAY_MS, zone);
  return offsetAt(local - after, zone) === after ? after : before;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Zones are few, but their names come from requests. */
const FORMATS_MAX = 64;

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    if (formats.size >= FORMATS_MAX) formats.clear();
    format = new Intl.DateTimeFormat('en', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  return format;
}

/** Offset of a zone at a point in time, in ms; east of UTC is positive. */
function offsetAt(millis: number, zone: string): number {
  const seconds = Math.floor(millis / 1000) * 1000;
  const parts = new Map(
    formatOf(zone)
      .formatToParts(seconds)
      .map(({ type, value }) => [type, value]),
  );
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type) ?? 0);
  const date = new Date(0);
  const year = number('year');
  date.setUTCFullYear(parts.get('era') === 'BC' ? 1 - year : year, number('month') - 1, number('day'));
  date.setUTCHours(number('hour'), number('minute'), number('second'), 0);
  return date.getTime() - seconds;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** ISO 8601 in a zone: `…Z` for an offset of zero, else `…+08:00`; fractions without trailing zeros. */
export function formatTimestamp(micros: bigint, zone: string): string {
  let seconds = micros / MICROS_A_SECOND;
  let rest = micros % MICROS_A_SECOND;
  if (rest < 0n) {
    rest += MICROS_A_SECOND;
    seconds -= 1n;
  }
  const millis = Number(seconds) * 1000;
  const offset = zone === 'UTC' ? 0 : offsetAt(millis, zone);
  const date = new Date(millis + offset);
  const day = `${String(date.getUTCFullYear()).padStart(4, '0')}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(6, '0').replace(/0+$/, '')}`;
  return `${day}T${time}${fraction}${offsetText(offset)}`;
}

function offsetText(offset: number): string {
  if (offset === 0) return 'Z';
  const minutes = Math.abs(Math.round(offset / 60_000));
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
