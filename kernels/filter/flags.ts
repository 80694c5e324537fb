// Flags of a byte a row as bits.

/** A bit for each byte: whether it is not 0. 16 rows a step. */
export function bytesSet(bytes: usize, count: u32, out: usize): void {
  const end = bytes + count;
  for (let p = bytes; p < end; p += 16, out += 2)
    store<u16>(out, <u16>~i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(0))));
}
