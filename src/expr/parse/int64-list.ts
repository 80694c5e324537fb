// 64-bit integers one after another while a list is being read. Numbers that a double holds exactly never become bigints.
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export const isInt64 = (value: bigint): boolean => value >= INT64_MIN && value <= INT64_MAX;

export class Int64List {
  #words = new Int32Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A safe integer, for the fast path of long lists. */
  addNumber(value: number): void {
    this.#reserve(this.#count + 1);
    // `|` takes the low 32 bits of the two's complement of any safe integer.
    this.#words[this.#count * 2] = value | 0;
    this.#words[this.#count * 2 + 1] = Math.floor(value / 4_294_967_296);
    this.#count++;
  }

  /**
   * Adds `billions` times 10^9 and the rest, or the negative of that. What is computed stays below 2^53, so that doubles are exact.
   * @param billions below 10^10 @param rest below 10^9
   * @returns false: it is not within 64 bits, or it is the least number of them
   */
  addParts(billions: number, rest: number, isNegative: boolean): boolean {
    const upper = Math.floor(billions / 65_536) * 1e9;
    const lower = (billions % 65_536) * 1e9 + rest;
    // The value is `middle` times 2^16 and the low 16 bits of `lower`.
    const middle = upper + Math.floor(lower / 65_536);
    const high = Math.floor(middle / 65_536);
    if (high >= 0x80000000) return false;
    const low = ((middle % 65_536) * 65_536 + (lower % 65_536)) | 0;
    this.#reserve(this.#count + 1);
    this.#words[this.#count * 2] = isNegative ? -low : low;
    this.#words[this.#count * 2 + 1] = isNegative ? ~high + Number(low === 0) : high;
    this.#count++;
    return true;
  }

  /** Adds a value, which is within 64 bits. */
  add(value: bigint): void {
    this.#reserve(this.#count + 1);
    this.#words[this.#count * 2] = Number(BigInt.asIntN(32, value));
    this.#words[this.#count * 2 + 1] = Number(value >> 32n);
    this.#count++;
  }

  /** The values so far, in the memory of this list. */
  values(): BigInt64Array {
    return new BigInt64Array(this.#words.buffer, 0, this.#count);
  }

  #reserve(count: number): void {
    if (count * 2 <= this.#words.length) return;
    const grown = new Int32Array(Math.max(count * 2, this.#words.length * 2));
    grown.set(this.#words);
    this.#words = grown;
  }
}
