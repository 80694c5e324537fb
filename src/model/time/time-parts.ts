// Parts of points in time, as numbers: what `time_fields` of a query or a search asks for in place of a text.
import { ElanusError } from '#base/errors.js';
import { formatTimestamp } from './timestamptz.js';

const TIME_PARTS = ['year', 'month', 'day', 'hour', 'minute', 'second', 'microsecond'] as const;
export type TimePart = (typeof TIME_PARTS)[number];
/** As many as there are, each twice. */
const PARTS_MAX = 14;

const isTimePart = (name: string): name is TimePart => TIME_PARTS.some((part) => part === name);

/** @param text names with commas or spaces between them @throws invalid_parameter */
export function parseTimeParts(text: string | undefined): readonly TimePart[] {
  const names = (text ?? '').split(/[\s,]+/).filter((name) => name !== '');
  if (names.length > PARTS_MAX)
    throw new ElanusError(
      'invalid_parameter',
      `time_fields: got ${names.length} names, expected at most ${PARTS_MAX}; name each part once: invalid parameter`,
    );
  return names.map((name) => {
    const part = name.toLowerCase();
    if (isTimePart(part)) return part;
    throw new ElanusError(
      'invalid_parameter',
      `invalid time_fields ${JSON.stringify(name.slice(0, 64))}, should be some of ${TIME_PARTS.join(', ')}: invalid parameter`,
    );
  });
}

const FORMATTED = /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.(\d+))?/;

/** @param zone in which the parts are read */
export function timePartsOf(micros: bigint, zone: string, parts: readonly TimePart[]): bigint[] {
  const [, year, month, day, hour, minute, second, fraction = ''] =
    FORMATTED.exec(formatTimestamp(micros, zone)) ?? [];
  const values = { year, month, day, hour, minute, second, microsecond: fraction.padEnd(6, '0') };
  return parts.map((part) => BigInt(values[part] ?? 0));
}
