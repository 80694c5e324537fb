// Exact-scan kernels over one (shared) linear memory. AssemblyScript, no heap, no globals, no data segments: every address comes
// from the caller, so many threads can run this over the same memory at once, each with its own scratch.
//
// Every distance becomes an order-preserving u32 key, smaller = better: key(d) for distances, key(-s) for IP and COSINE. Keys of NaN lie
// outside [key(-Infinity), key(Infinity)], so the key bounds that implement range search also keep NaN out. Top-k states: lib/top-k.ts.
import { BINARY, FLOAT16, FLOAT32, INT8, loadExact, rowBytes } from '../lib/elements';
import { siftDown } from '../lib/top-k';

export { maxSim } from './max-sim';
export { norms } from './norms';
export { scanMany, scanOne } from './scan';
export { scanIds } from './scan-ids';

/** Orders a top-k state's entries best first (in place; it takes no more candidates after this). Returns how many there are. */
export function finish(top: usize): u32 {
  const size = load<u32>(top),
    entries = top + 16;
  for (let end = size; end > 1; ) {
    end--;
    const last = entries + ((<usize>end) << 3),
      value = load<u64>(last);
    store<u64>(last, load<u64>(entries));
    store<u64>(entries, value);
    siftDown(entries, end, 0);
  }
  return size;
}

/**
 * A query as the scans read it: float32 for the float types, int16 for int8, bytes for binary. `out` has 4 bytes per element (2 for
 * int8, the row's bytes for binary). `query` may lie in the last bytes of `out`: nothing is overwritten before it was read.
 */
export function widen(element: u32, dim: u32, query: usize, out: usize): void {
  if (element == FLOAT32) memory.copy(out, query, (<usize>dim) << 2);
  else if (element == BINARY) memory.copy(out, query, rowBytes(BINARY, dim));
  else if (element == INT8)
    for (let i: usize = 0; i < dim; i++) store<i16>(out + (i << 1), <i16>load<i8>(query + i));
  else if (element == FLOAT16)
    for (let i: usize = 0; i < dim; i++) store<f32>(out + (i << 2), loadExact<u16>(query + (i << 1)));
  else for (let i: usize = 0; i < dim; i++) store<f32>(out + (i << 2), loadExact<i16>(query + (i << 1)));
}

/** Only loads (xors) `bytes` from `from`, both multiples of 128: the memory-read yardstick of bench/scan.mjs. */
export function read(from: usize, bytes: usize): u32 {
  let a = i32x4.splat(0),
    b = a,
    c = a,
    d = a;
  const end = from + bytes;
  for (let p = from; p < end; p += 128) {
    a = v128.xor(a, v128.xor(v128.load(p), v128.load(p, 64)));
    b = v128.xor(b, v128.xor(v128.load(p, 16), v128.load(p, 80)));
    c = v128.xor(c, v128.xor(v128.load(p, 32), v128.load(p, 96)));
    d = v128.xor(d, v128.xor(v128.load(p, 48), v128.load(p, 112)));
  }
  return i32x4.bitmask(v128.xor(v128.xor(a, b), v128.xor(c, d)));
}
