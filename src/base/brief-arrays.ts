// Arrays that live no longer than one call. Memory behind an array of more than 64 bytes is got from the allocator and given back by the
// collector, which takes longer than most of what is done with it: these are cut from larger pieces, one after another, and none is used again.
//
// An array of this kind keeps the whole piece as long as it lives, and whoever posts it to a thread posts the piece: copy it before either.

const PIECE_BYTES = 64 * 1024;
/** Longer arrays have memory of their own. */
const BYTES_MAX = 8 * 1024;
/** Where any typed array may begin, and vectors are read fast. */
const ALIGNMENT = 16;

let piece = new ArrayBuffer(PIECE_BYTES);
let used = 0;

/** Makes room in `piece`. @returns where it begins */
function take(bytes: number): number {
  if (used + bytes > PIECE_BYTES) {
    piece = new ArrayBuffer(PIECE_BYTES);
    used = 0;
  }
  const at = used;
  used = Math.ceil((used + bytes) / ALIGNMENT) * ALIGNMENT;
  return at;
}

/** All zero, as any array begins. */
export function briefBytes(length: number): Uint8Array {
  if (length > BYTES_MAX) return new Uint8Array(length);
  const at = take(length);
  return new Uint8Array(piece, at, length);
}

export function briefUint32s(length: number): Uint32Array {
  if (length * 4 > BYTES_MAX) return new Uint32Array(length);
  const at = take(length * 4);
  return new Uint32Array(piece, at, length);
}

export function briefFloats(length: number): Float32Array {
  if (length * 4 > BYTES_MAX) return new Float32Array(length);
  const at = take(length * 4);
  return new Float32Array(piece, at, length);
}

export function briefInt64s(length: number): BigInt64Array {
  if (length * 8 > BYTES_MAX) return new BigInt64Array(length);
  const at = take(length * 8);
  return new BigInt64Array(piece, at, length);
}

export function briefUint64s(length: number): BigUint64Array {
  if (length * 8 > BYTES_MAX) return new BigUint64Array(length);
  const at = take(length * 8);
  return new BigUint64Array(piece, at, length);
}
