// The quantised graph (after SymphonyQG, Gou et al. 2025): every node of layer 0 is one record that holds, beside its own 8-bit code, the
// links and short codes of (neighbour - node), 32 neighbours side by side. One sequential read then estimates all distances at once.
//   record: own int8 code | ids | factors (two bfloat16 an id) | for every 32 ids `bits` planes of `groups` * 16 bytes; 64-byte aligned
// A byte of a plane holds the signs of 4 dims for ids j (low nibble) and j + 16 (high nibble), so a swizzle looks 16 of them up in the
// table of the 16 signed sums of those dims of the query. See README.md for the estimate.
import { NIL } from './graph';

let records: usize = 0;
export let recordStride: usize = 0;
export let dims: usize = 0; // padded to 16: bytes of the own code
export let slots: usize = 0; // links a node, padded to 32
export let planes: usize = 0; // bits
export let isInnerProduct: bool = false;
export let table: usize = 0; // address of this thread's table: 16 bytes for every 4 dims

export function useRecords(
  at: usize,
  bytes: usize,
  paddedDims: u32,
  slotCount: u32,
  bits: u32,
  isInner: bool,
  tableAt: usize,
): void {
  records = at;
  recordStride = bytes;
  dims = paddedDims;
  slots = slotCount;
  planes = bits;
  isInnerProduct = isInner;
  table = tableAt;
}

@inline export function recordOf(node: u32): usize {
  return records + <usize>node * recordStride;
}

// --- Writing records -----------------------------------------------------------------------------------------------------------------
@inline function toBfloat(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

@inline export function sum4(v: v128): i32 {
  return (
    i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3)
  );
}

/** Per lane: sum of |other - own|, of those larger than `above` alone, and minus how many those are. */
let magnitudes: v128 = i32x4.splat(0),
  largeMagnitudes: v128 = i32x4.splat(0),
  largeCount: v128 = i32x4.splat(0);

function measure(own: usize, other: usize, above: i32): void {
  const ones = i16x8.splat(1),
    limit = i16x8.splat(<i16>above);
  let all = i32x4.splat(0),
    large = all,
    count = all;
  for (let at: usize = 0; at < dims; at += 8) {
    const size = i16x8.abs(i16x8.sub(v128.load_ext<i8>(other + at), v128.load_ext<i8>(own + at))),
      isLarge = i16x8.gt_s(size, limit);
    all = i32x4.add(all, i32x4.dot_i16x8_s(size, ones));
    large = i32x4.add(large, i32x4.dot_i16x8_s(v128.and(size, isLarge), ones));
    count = i32x4.add(count, i32x4.dot_i16x8_s(isLarge, ones));
  }
  magnitudes = all;
  largeMagnitudes = large;
  largeCount = count;
}

/** The code of one neighbour into its nibbles, and its factors. Values of a code: +-1, with two planes also +-3. */
function encodeNeighbour(own: usize, other: usize, codes: usize, slot: usize, factors: usize): void {
  let squares = i32x4.splat(0);
  for (let at: usize = 0; at < dims; at += 8) {
    const rest = i16x8.sub(v128.load_ext<i8>(other + at), v128.load_ext<i8>(own + at));
    squares = i32x4.add(squares, i32x4.dot_i16x8_s(rest, rest));
  }
  const length = <f32>sum4(squares);
  // Between 1 and 3 the border of least error lies near to one standard deviation; the best of some is taken, for the angle's sake.
  let border = 0x7fff;
  if (planes == 2) {
    const deviation = sqrt<f32>(length / <f32>dims);
    let best: f32 = -1;
    for (let i = 0; i < 4; i++) {
      const above = <i32>(deviation * (0.75 + 0.15 * <f32>i));
      measure(own, other, above);
      const product = <f32>(sum4(magnitudes) + 2 * sum4(largeMagnitudes)),
        norm = <f32>dims - 8 * <f32>sum4(largeCount);
      if (product * product > best * norm) {
        best = (product * product) / norm;
        border = above;
      }
    }
  }
  const limit = i16x8.splat(<i16>border),
    zero = i16x8.splat(0),
    shift: u32 = slot & 16 ? 4 : 0;
  let products = i32x4.splat(0),
    ownProducts = products; // products of the code with other - own, and with own
  let plane = codes + (slot & 15);
  const second = (dims >> 2) << 4;
  for (let at: usize = 0; at < dims; at += 16) {
    const own0 = v128.load_ext<i8>(own + at),
      own1 = v128.load_ext<i8>(own + at, 8);
    const rest0 = i16x8.sub(v128.load_ext<i8>(other + at), own0),
      rest1 = i16x8.sub(v128.load_ext<i8>(other + at, 8), own1);
    const is0 = i16x8.ge_s(rest0, zero),
      is1 = i16x8.ge_s(rest1, zero); // -1 where the sign is +
    const large0 = i16x8.gt_s(i16x8.abs(rest0), limit),
      large1 = i16x8.gt_s(i16x8.abs(rest1), limit);
    // 1 - 2 * large, with the sign: the value of the code.
    const size0 = i16x8.sub(i16x8.splat(1), i16x8.shl(large0, 1)),
      size1 = i16x8.sub(i16x8.splat(1), i16x8.shl(large1, 1));
    const value0 = v128.bitselect(size0, i16x8.neg(size0), is0),
      value1 = v128.bitselect(size1, i16x8.neg(size1), is1);
    products = i32x4.add(
      products,
      i32x4.add(i32x4.dot_i16x8_s(rest0, value0), i32x4.dot_i16x8_s(rest1, value1)),
    );
    ownProducts = i32x4.add(
      ownProducts,
      i32x4.add(i32x4.dot_i16x8_s(own0, value0), i32x4.dot_i16x8_s(own1, value1)),
    );
    const signs = <u32>i8x16.bitmask(i8x16.narrow_i16x8_s(is0, is1));
    // value = 2 * first sign + second sign: the second agrees with the first where the value is 3.
    const seconds = ~(signs ^ <u32>i8x16.bitmask(i8x16.narrow_i16x8_s(large0, large1)));
    for (let g: u32 = 0; g < 4; g++, plane += 16) {
      store<u8>(plane, load<u8>(plane) | <u8>(((signs >> (g << 2)) & 15) << shift));
      if (planes == 2)
        store<u8>(plane + second, load<u8>(plane + second) | <u8>(((seconds >> (g << 2)) & 15) << shift));
    }
  }
  const product = <f32>sum4(products),
    scale = product > 0 ? length / product : 0;
  // |q-x|^2 = |q-c|^2 + |x-c|^2 + 2 scale <c,s> - 2 scale <q,s>;  -<q,x> = -<q,c> - scale <q,s>. The first factor is computed with the
  // second as it is after rounding, so that their errors do not add up where <c,s> and <q,s> are large and near to each other.
  const slope = toBfloat(isInnerProduct ? -scale : -2 * scale),
    rounded = reinterpret<f32>(slope << 16);
  const offset: f32 = isInnerProduct ? 0 : length - rounded * <f32>sum4(ownProducts);
  store<u32>(factors, (toBfloat(offset) << 16) | slope);
}

/**
 * Writes the records of nodes [from, to) from int8 codes of all nodes (of `codeStride` bytes) and the lists of layer 0 (`length` ids).
 * `order`: node to the place of its code, 0: the same.
 */
export function writeRecords(
  from: u32,
  to: u32,
  codes: usize,
  codeStride: usize,
  lists: usize,
  length: u32,
  order: usize,
): void {
  const planeBytes = (dims >> 2) << 4,
    batchBytes = planeBytes * planes;
  for (let node = from; node < to; node++) {
    const record = recordOf(node),
      ids = record + dims,
      factors = ids + (slots << 2),
      first = factors + (slots << 2);
    const own = codes + <usize>(order ? load<u32>(order + ((<usize>node) << 2)) : node) * codeStride;
    memory.fill(record, 0, recordStride);
    memory.copy(record, own, dims);
    let isEnd = false;
    for (let slot: usize = 0; slot < slots; slot++) {
      const id =
        isEnd || slot >= length ? NIL : load<u32>(lists + ((<usize>node * <usize>length + slot) << 2));
      store<u32>(ids + (slot << 2), id);
      if (id == NIL) {
        isEnd = true;
        store<u32>(factors + (slot << 2), 0x7f800000);
        continue;
      } // Infinitely far.
      const other = codes + <usize>(order ? load<u32>(order + ((<usize>id) << 2)) : id) * codeStride;
      encodeNeighbour(own, other, first + (slot >> 5) * batchBytes, slot & 31, factors + (slot << 2));
    }
  }
}
