// Numbers of JSON as float32, read from bytes. What is read is what `Math.fround(JSON.parse(text))` gives, bit for bit: digits are gathered in a
// double with a bound on the error, and where a float32 is not certain within it, the text is read as a number after all.
import { spaceEnd } from './json-bytes.js';

const ascii = new TextDecoder('latin1');
/** Powers of ten that doubles hold exactly. */
const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const POWER_MAX = 22;
/** Beyond 15 digits each one adds up to two roundings of 2^-53, the scale one more: 21 of them are less than 2^-48. */
const DIGITS_MAX = 25;
const ERROR = 2 ** -46;

/**
 * Reads a list of exactly as many finite float32 as `into` holds.
 * @param begin place of the opening bracket
 * @returns the place after the list; -1 for anything else, `into` is of no use then
 */
export function readFloats(bytes: Uint8Array, begin: number, into: Float32Array): number {
  if (bytes[begin] !== 0x5b) return -1;
  const reader = new FloatReader(bytes, spaceEnd(bytes, begin + 1));
  for (let index = 0; index < into.length; index++) {
    const value = reader.next();
    if (!Number.isFinite(value)) return -1;
    into[index] = value;
    const sign = bytes[reader.at];
    const at = sign === 0x2c || sign === 0x5d ? reader.at : spaceEnd(bytes, reader.at);
    const isLast = index === into.length - 1;
    if (bytes[at] !== (isLast ? 0x5d : 0x2c)) return -1;
    reader.at = isLast ? at + 1 : spaceEnd(bytes, at + 1);
  }
  return into.length === 0 ? -1 : reader.at;
}

class FloatReader {
  readonly #bytes: Uint8Array;
  at: number;
  /** Digits of the number as a whole number, its decimal point left out. */
  #digits = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** The number that begins here, as float32; not finite when there is none. The reader is behind it then. */
  next(): number {
    const begin = this.at;
    const isNegative = this.#bytes[begin] === 0x2d;
    if (isNegative) this.at++;
    this.#digits = 0;
    const first = this.#bytes[this.at];
    let count = this.#run();
    if (count === 0 || (count > 1 && first === 0x30)) return Number.NaN;
    let exponent = 0;
    if (this.#bytes[this.at] === 0x2e) {
      this.at++;
      exponent = -this.#run();
      if (exponent === 0) return Number.NaN;
      count -= exponent;
    }
    const sign = this.#bytes[this.at];
    if (sign === 0x65 || sign === 0x45) exponent += this.#exponent();
    const single =
      count <= DIGITS_MAX && exponent >= -POWER_MAX && exponent <= POWER_MAX
        ? certain(this.#digits, exponent)
        : Number.NaN;
    if (Number.isNaN(single)) return this.#exact(begin);
    return isNegative ? -single : single;
  }

  /** Adds the digits that begin here. @returns their number */
  #run(): number {
    const bytes = this.#bytes;
    let at = this.at;
    let digits = this.#digits;
    for (;;) {
      const digit = (bytes[at] as number) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      digits = digits * 10 + digit;
      at++;
    }
    const count = at - this.at;
    this.at = at;
    this.#digits = digits;
    return count;
  }

  /** From its letter on; NaN without digits. */
  #exponent(): number {
    const sign = this.#bytes[++this.at];
    if (sign === 0x2b || sign === 0x2d) this.at++;
    const digits = this.#digits;
    this.#digits = 0;
    const value = this.#run() === 0 ? Number.NaN : this.#digits;
    this.#digits = digits;
    return sign === 0x2d ? -value : value;
  }

  /** For one in millions. An exponent without digits is no number here either. */
  #exact(begin: number): number {
    return Math.fround(Number(ascii.decode(this.#bytes.subarray(begin, this.at))));
  }
}

/** NaN where the digits leave it open which float32 is meant. */
function certain(digits: number, exponent: number): number {
  const value = exponent < 0 ? digits / (powers[-exponent] as number) : digits * (powers[exponent] as number);
  const single = Math.fround(value * (1 - ERROR));
  return single === Math.fround(value * (1 + ERROR)) ? single : Number.NaN;
}
