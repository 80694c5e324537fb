// Small arithmetic of bytes that every layer needs: sizes that are rounded up, and typed arrays seen as their bytes.

/**
 * The least multiple of `to` that is not below `value`.
 * @param value at least 0 and at most 2^53; @param to above 0, any whole number.
 */
export const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** The bytes of exactly the part of its buffer that `view` shows: no copy, writes go through both. */
export const bytesView = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Memory that threads share; it is handed to another thread without a copy. */
export const sharedBytes = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length));

/** Bytes of a bitset of `bits` bits, rounded up to whole words of 64 bits, as kernels read them. */
export const bytesForBits = (bits: number): number => Math.ceil(bits / 64) * 8;

/** Bytes up to which a loop is faster than a view of them. */
const FEW_BYTES = 40;

/** Bytes from which on a buffer is worth being made for them. */
const MANY_BYTES = 1024;

/** Copies bytes [begin, end) of `from` to `at` in `to`. */
export function copyBytes(from: Uint8Array, begin: number, end: number, to: Uint8Array, at: number): void {
  if (end - begin >= MANY_BYTES) copyMany(from, begin, end, to, at);
  else if (end - begin > FEW_BYTES) to.set(from.subarray(begin, end), at);
  else for (let i = begin, out = at; i < end; i++, out++) to[out] = from[i] as number;
}

/** `set` goes byte by byte where one of both is shared, unless their addresses are alike; buffers are copied as one piece. */
function copyMany(from: Uint8Array, begin: number, end: number, to: Uint8Array, at: number): void {
  // Buffers would copy as much as there is room for.
  if (end > from.length || at + end - begin > to.length)
    throw new RangeError(`bytes ${begin} to ${end} of ${from.length} do not fit at ${at} of ${to.length}`);
  Buffer.from(from.buffer, from.byteOffset, from.length).copy(to, at, begin, end);
}

/** Little-endian words as numbers: a view, or a copy where no array of words may begin. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(buffer, byteOffset, byteLength >>> 2);
}
