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
