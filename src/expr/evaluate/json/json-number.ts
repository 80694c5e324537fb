// A number of a JSON text, or what was computed from such: an int of 64 bits, which is exact, or a double. `1.0` is a double that equals 1.
import { INT64_MAX, INT64_MIN } from '#expr/evaluate/numbers/bounds.js';

/** Filled again and again. */
export class JsonNumber {
  isInt = false;
  /** The number; for an int beyond 2^53 the nearest double. */
  value = 0;
  /** The exact value of an int beyond 2^53. */
  big: bigint | undefined;
  /** `value` may be off by so much; 0: it is exact. */
  error = 0;

  setDouble(value: number): void {
    this.isInt = false;
    this.value = value;
    this.big = undefined;
    this.error = 0;
  }

  /** A double that may be off by so much of its own size. */
  setRough(value: number, share: number): void {
    this.setDouble(value);
    this.error = Math.abs(value) * share;
  }

  /** @param value wraps to 64 bits */
  setInt(value: bigint): void {
    const wrapped = BigInt.asIntN(64, value);
    this.isInt = true;
    this.value = Number(wrapped);
    this.big = Number.isSafeInteger(this.value) ? undefined : wrapped;
    this.error = 0;
  }

  setSafeInt(value: number): void {
    this.isInt = true;
    this.value = value;
    this.big = undefined;
    this.error = 0;
  }

  /** The exact value of an int. */
  get int(): bigint {
    return this.big ?? BigInt(this.value);
  }
}

const DIGITS_EXACT = 15;
/** Doubles of measurements have 17. More than these are rare. */
const DIGITS_ROUGH = 20;
/** A few steps that each round to 53 bits. */
const ROUGH_SHARE = 2 ** -48;
/** Powers of ten that doubles hold exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Reads the number in [begin, end).
 * @param mayBeRough a fraction of many digits is not rounded to the nearest double, which takes text and time; `error` says by how much
 */
export function readNumber(
  bytes: Uint8Array,
  begin: number,
  end: number,
  into: JsonNumber,
  mayBeRough = false,
): void {
  const isNegative = bytes[begin] === 0x2d;
  let mantissa = 0;
  let digits = 0;
  let fraction = 0;
  let at = isNegative ? begin + 1 : begin;
  let hasPoint = false;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digits++;
      if (hasPoint) fraction++;
    } else if (bytes[at] === 0x2e) hasPoint = true;
    else break;
  }
  // A few digits make a whole number that is exact, and one division by an exact power of ten rounds once.
  if (at === end && digits <= DIGITS_EXACT) {
    const value = (isNegative ? -mantissa : mantissa) / (POWERS[fraction] as number);
    if (hasPoint) into.setDouble(value);
    else into.setSafeInt(value + 0);
    return;
  }
  if (mayBeRough && at === end && hasPoint && digits <= DIGITS_ROUGH) {
    into.setRough((isNegative ? -mantissa : mantissa) / (POWERS[fraction] as number), ROUGH_SHARE);
    return;
  }
  readSlowly(asciiText(bytes, begin, end), at === end && !hasPoint, into);
}

function readSlowly(text: string, isWhole: boolean, into: JsonNumber): void {
  if (isWhole && text.length <= 20) {
    const value = BigInt(text);
    if (value >= INT64_MIN && value <= INT64_MAX) {
      into.setInt(value);
      return;
    }
  }
  into.setDouble(Number(text));
}

const decoder = new TextDecoder();
const asciiText = (bytes: Uint8Array, begin: number, end: number): string =>
  decoder.decode(bytes.subarray(begin, end));
