// The scan of rows that are listed by number, wherever in their blocks they lie.
import { rowBytes } from '../lib/elements';
import { keys, negate } from '../lib/keys';
import { limitOf, offerRows } from '../lib/top-k';
import { COSINE, gather4, isSimilarity, raw1x4 } from './scores';

/** Where row `row` is, of rows in blocks. */
@inline export function inBlocks(
  base: usize,
  row: u32,
  blockRows: u32,
  blockBytes: usize,
  stride: usize,
): usize {
  if (row < blockRows) return base + <usize>row * stride;
  const block = row / blockRows;
  return base + <usize>block * blockBytes + <usize>(row - block * blockRows) * stride;
}

const LINE: usize = 64,
  TOUCH_BYTES_MAX: usize = 1024;

/** Loads a byte of each of a row's first cache lines, so that they are under way when the row's turn comes. */
@inline function touch(p: usize, bytes: usize): u32 {
  let seen: u32 = 0;
  for (const end = p + min(bytes, TOUCH_BYTES_MAX); p < end; p += LINE) seen |= <u32>load<u8>(p);
  return seen;
}

/**
 * One query against the rows whose numbers are the `count` u32 at `ids`, in any order, each once. Row r is at
 * vectors + floor(r / blockRows) * blockBytes + (r % blockRows) * row bytes, its inverse norm likewise from `norms` on.
 * `excluded` is 0 or a bitset over row numbers (bit r & 7 of byte r >> 3 set: skip) that covers all of them.
 * Returns something that depends on what was touched, so that no compiler leaves it out.
 */
export function scanIds(
  element: u32,
  metric: u32,
  dim: u32,
  vectors: usize,
  norms: usize,
  blockRows: u32,
  blockBytes: usize,
  ids: usize,
  count: u32,
  q: usize,
  top: usize,
  excluded: usize,
  low: u32,
  high: u32,
): u32 {
  const stride = rowBytes(element, dim),
    scale = f32x4.splat(load<f32>(top, 4));
  let limit = limitOf(top, high, 1),
    seen: u32 = 0;
  const end = ids + ((<usize>count) << 2);
  for (let p = ids; p < min(ids + 16, end); p += 4)
    seen |= touch(inBlocks(vectors, load<u32>(p), blockRows, blockBytes, stride), stride);
  for (; ids < end; ids += 16) {
    for (let p = ids + 16; p < min(ids + 32, end); p += 4)
      seen |= touch(inBlocks(vectors, load<u32>(p), blockRows, blockBytes, stride), stride);
    // Past the end the last row stands in; its lanes do not count.
    const last = end - 4;
    const r0 = load<u32>(ids),
      r1 = load<u32>(min(ids + 4, last)),
      r2 = load<u32>(min(ids + 8, last)),
      r3 = load<u32>(min(ids + 12, last));
    let lanes: u32 = ids + 16 <= end ? 15 : (1 << (<u32>((end - ids) >> 2))) - 1;
    if (excluded != 0) {
      lanes &= ~(
        bit(excluded, r0) |
        (bit(excluded, r1) << 1) |
        (bit(excluded, r2) << 2) |
        (bit(excluded, r3) << 3)
      );
      if (lanes == 0) continue;
    }
    let v = raw1x4(
      element,
      metric,
      dim,
      q,
      inBlocks(vectors, r0, blockRows, blockBytes, stride),
      inBlocks(vectors, r1, blockRows, blockBytes, stride),
      inBlocks(vectors, r2, blockRows, blockBytes, stride),
      inBlocks(vectors, r3, blockRows, blockBytes, stride),
    );
    if (isSimilarity(metric)) {
      if (metric == COSINE)
        v = f32x4.mul(
          f32x4.mul(
            v,
            gather4(
              inBlocks(norms, r0, blockRows, blockBytes, 4),
              inBlocks(norms, r1, blockRows, blockBytes, 4),
              inBlocks(norms, r2, blockRows, blockBytes, 4),
              inBlocks(norms, r3, blockRows, blockBytes, 4),
            ),
          ),
          scale,
        );
      v = negate(v);
    }
    const k = keys(v);
    if (v128.any_true(i32x4.lt_u(k, i32x4.splat(limit))))
      limit = offerRows(top, k, low, limit, high, 1, lanes, r0, r1, r2, r3);
  }
  return seen;
}

@inline function bit(bits: usize, row: u32): u32 {
  return (<u32>load<u8>(bits + (row >> 3)) >> (row & 7)) & 1;
}
