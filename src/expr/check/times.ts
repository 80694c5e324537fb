// Times and intervals of filters: `ISO '…'`, `INTERVAL '…'`, and one moved by the other.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { parseTimestamp } from '#model/time/timestamptz.js';
import type { Constant } from './constants.js';

type Time = Constant & { readonly type: 'time' };
type Interval = Constant & { readonly type: 'interval' };

/** @param zone the zone that a text without an offset is in. @throws FilterSyntaxError */
export function timeConstant(text: string, zone: string, at: number): Time {
  const value = parseTimestamp(text, zone);
  if (value !== undefined) return { type: 'time', value };
  throw new FilterSyntaxError(
    `invalid time ${JSON.stringify(text.slice(0, 64))}, expected ISO 8601 like 2025-01-31T08:00:00+08:00`,
    at,
  );
}

const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;
const DURATION =
  /^P(?:(\d{1,7})Y)?(?:(\d{1,7})M)?(?:(\d{1,7})W)?(?:(\d{1,7})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6}))?S)?)?$/;
/** A larger one leaves the years that there are, from wherever it starts. */
const MONTHS_MAX = 20_000 * 12;

/** ISO 8601: `P1Y2M3DT4H5M6S`. A day is 24 hours. @throws FilterSyntaxError */
export function intervalConstant(text: string, at: number): Interval {
  const parts = DURATION.exec(text);
  const [, years, months, weeks, days, hours, minutes, seconds, fraction] = parts ?? [];
  if (parts === null || parts.slice(1).every((part) => part === undefined)) {
    throw new FilterSyntaxError(
      `invalid ISO 8601 duration: ${text.slice(0, 64)}, expected one like P1Y2M3DT4H5M6S`,
      at,
    );
  }
  const monthCount = Number(years ?? 0) * 12 + Number(months ?? 0);
  if (monthCount > MONTHS_MAX)
    throw new FilterSyntaxError(`the duration ${text} is longer than 20000 years`, at);
  const micros =
    (BigInt(weeks ?? 0) * 7n + BigInt(days ?? 0)) * DAY +
    BigInt(hours ?? 0) * HOUR +
    BigInt(minutes ?? 0) * MINUTE +
    BigInt(seconds ?? 0) * SECOND +
    BigInt((fraction ?? '').padEnd(6, '0'));
  return { type: 'interval', months: monthCount, micros };
}

/**
 * A time moved by an interval: months first, in the calendar of UTC; where the month has no such day it runs over, as `Date.UTC` does.
 * @throws FilterSyntaxError when it leaves the calendar
 */
export function shiftTime(time: Time, interval: Interval, sign: 1 | -1, at: number): Time {
  const value = shiftMonths(time.value, sign * interval.months);
  if (value === undefined) throw new FilterSyntaxError('the interval leads out of the calendar', at);
  return { type: 'time', value: value + BigInt(sign) * interval.micros };
}

const MILLI = 1000n;

/** Undefined: beyond the years that there are. */
function shiftMonths(micros: bigint, months: number): bigint | undefined {
  if (months === 0) return micros;
  const part = ((micros % MILLI) + MILLI) % MILLI;
  const millis = Number((micros - part) / MILLI);
  const moved = new Date(millis).setUTCMonth(new Date(millis).getUTCMonth() + months);
  return Number.isNaN(moved) ? undefined : BigInt(moved) * MILLI + part;
}
