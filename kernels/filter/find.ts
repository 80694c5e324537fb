// The first place of a text in others: where its first and its last byte stand, 16 places a step, what lies between them is compared.

/** Bytes compared without success, at least, before the search gives up. */
const COMPARED_MIN: usize = 256;

/**
 * Where [needle, needle + length) is, beginning at or behind `from` and ending by `end`. -1: nowhere. -2: so many bytes were compared for
 * nothing that a search with a steady cost is better.
 * @param length at least 1
 */
export function find(from: usize, end: usize, needle: usize, length: u32): i32 {
  const last = <usize>(length - 1),
    head = i8x16.splat(load<i8>(needle)),
    tail = i8x16.splat(load<i8>(needle + last));
  let compared: usize = 0;
  for (let p = from; p + last < end; p += 16) {
    const places = v128.and(i8x16.eq(v128.load(p), head), i8x16.eq(v128.load(p + last), tail));
    for (let left = <u32>i8x16.bitmask(places); left != 0; left &= left - 1) {
      const at = p + <usize>ctz(left);
      if (at + last >= end) return -1;
      let i: usize = 1;
      while (i < last && load<u8>(at + i) == load<u8>(needle + i)) i++;
      if (i >= last) return <i32>at;
      compared += i;
      if (compared > COMPARED_MIN + 4 * (at - from)) return -2;
    }
  }
  return -1;
}
