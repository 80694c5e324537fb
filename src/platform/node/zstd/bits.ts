// Bits as zstd has them: the lowest of a byte first, and streams that are read from their end (RFC 8878, 4.1).

export const damaged = (fact: string): Error => new Error(`zstd: ${fact}`);

/** `count` bits (at most 31) from bit `at` on. Behind the end there are zeros. */
export function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const first = at >>> 3;
  const shift = at & 7;
  const isInside = first + 4 < bytes.length;
  const word = isInside ? wordInside(bytes, first) : wordAtEnd(bytes, first);
  let value = word >>> shift;
  if (count + shift > 32) value |= (bytes[first + 4] ?? 0) << (32 - shift);
  return value & ((1 << count) - 1);
}

const wordInside = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24);

const wordAtEnd = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) |
  ((bytes[at + 1] ?? 0) << 8) |
  ((bytes[at + 2] ?? 0) << 16) |
  ((bytes[at + 3] ?? 0) << 24);

/** A stream of bits that begins at its end, behind the highest bit of its last byte. */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  #left: number;

  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1] ?? 0;
    if (last === 0) throw damaged('a stream of bits has no mark at its end');
    this.#bytes = bytes;
    this.#left = (bytes.length - 1) * 8 + 31 - Math.clz32(last);
  }

  /** Bits that were not read. */
  get left(): number {
    return this.#left;
  }

  read(count: number): number {
    if (count > this.#left) throw damaged('a stream of bits ends early');
    this.#left -= count;
    return bitsAt(this.#bytes, this.#left, count);
  }
}
