// A number of a JSON text, or what was computed from such: an int of 64 bits, which is exact, or a double. `1.0` is a double that equals 1.
import { INT64_MAX, INT64_MIN } from '#expr/evaluate/numbers/bounds.js';

/** Filled again and again. */
export class JsonNumber {
  isInt = false;
  /** Of an int beyond 2^53 the nearest double. */
  value = 0;
  /** Of an int beyond 2^53 its value. */
  big: bigint | undefined;

  setDouble(value: number): void {
    this.isInt = false;
    this.value = value;
    this.big = undefined;
  }

  /** @param value wraps to 64 bits */
  setInt(value: bigint): void {
    const wrapped = BigInt.asIntN(64, value);
    this.isInt = true;
    this.value = Number(wrapped);
    this.big = Number.isSafeInteger(this.value) ? undefined : wrapped;
  }

  setSafeInt(value: number): void {
    this.isInt = true;
    this.value = value;
    this.big = undefined;
  }

  /** Of an int. */
  get int(): bigint {
    return this.big ?? BigInt(this.value);
  }
}

const DIGITS_EXACT = 15;
/** Powers of ten that doubles hold exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Reads the number in [begin, end). */
export function readNumber(bytes: Uint8Array, begin: number, end: number, into: JsonNumber): void {
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

function asciiText(bytes: Uint8Array, begin: number, end: number): string {
  let text = '';
  for (let at = begin; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
