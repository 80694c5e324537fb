// Which floats among bytes are no numbers: those whose exponent is all ones (NaN, infinities). Vectors are looked through once with each
// insert, so eight words go at a time and without a branch; the bytes may begin at any address.

/** A kind of float as words of 32 bits hold it. */
export interface FloatBits {
  /** Bytes of one float. */
  readonly width: 2 | 4;
  /** The exponents in a word. */
  readonly exponents: number;
  /** The lowest bit of each exponent: added to one that is all ones, it carries into the bit above, which is the sign's. */
  readonly lowest: number;
  /** Where the carries arrive. */
  readonly carries: number;
}

export const FLOAT32: FloatBits = {
  width: 4,
  exponents: 0x7f80_0000,
  lowest: 0x0080_0000,
  carries: 0x8000_0000 | 0,
};
export const FLOAT16: FloatBits = {
  width: 2,
  exponents: 0x7c00_7c00,
  lowest: 0x0400_0400,
  carries: 0x8000_8000 | 0,
};
export const BFLOAT16: FloatBits = {
  width: 2,
  exponents: 0x7f80_7f80,
  lowest: 0x0080_0080,
  carries: 0x8000_8000 | 0,
};

/** Bytes that are looked at together. */
const BLOCK_BYTES = 32;
const PIECE_BYTES = 64 * BLOCK_BYTES;

/** Index of the first float that is NaN or infinite, -1: there is none. Bytes behind the last whole float do not count. */
export function findExponents(bytes: Uint8Array, bits: FloatBits): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocksEnd = bytes.length - (bytes.length % BLOCK_BYTES);
  const block = firstBlock(view, blocksEnd, bits);
  const { width, exponents } = bits;
  const one = width === 4 ? exponents : exponents & 0xffff;
  for (let at = block; at + width <= bytes.length; at += width) {
    const float = width === 4 ? view.getInt32(at, true) : view.getUint16(at, true);
    if ((float & one) === one) return at / width;
  }
  return -1;
}

/** Where the first block begins that has such a float; `end` when none of the whole blocks has. */
function firstBlock(view: DataView, end: number, bits: FloatBits): number {
  for (let piece = 0; piece < end; piece += PIECE_BYTES) {
    const found = firstOfPiece(view, piece, Math.min(end, piece + PIECE_BYTES), bits);
    if (found >= 0) return found;
  }
  return end;
}

/** The same of a few blocks, -1: none has. A function that is called often is compiled once; one long loop would be replaced while it runs, at each call. */
function firstOfPiece(
  view: DataView,
  begin: number,
  end: number,
  { exponents: e, lowest, carries }: FloatBits,
): number {
  for (let at = begin; at < end; at += BLOCK_BYTES) {
    const any =
      ((view.getInt32(at, true) & e) + lowest) |
      ((view.getInt32(at + 4, true) & e) + lowest) |
      ((view.getInt32(at + 8, true) & e) + lowest) |
      ((view.getInt32(at + 12, true) & e) + lowest) |
      ((view.getInt32(at + 16, true) & e) + lowest) |
      ((view.getInt32(at + 20, true) & e) + lowest) |
      ((view.getInt32(at + 24, true) & e) + lowest) |
      ((view.getInt32(at + 28, true) & e) + lowest);
    if ((any & carries) !== 0) return at;
  }
  return -1;
}
