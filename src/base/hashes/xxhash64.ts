// XXH64 with seed 0, the hash of Parquet's bloom filters. 64-bit numbers are pairs of 32-bit words, since bigints would cost a microsecond a
// key: `lane` is the value that is worked on, low word first. The algorithm is that of the xxHash specification.

/** Words of a 64-bit number, the low one first. */
export type Words64 = Int32Array;

type Constant = readonly [low: number, high: number];
const PRIME_1: Constant = [0x85ebca87 | 0, 0x9e3779b1 | 0];
const PRIME_2: Constant = [0x27d4eb4f | 0, 0xc2b2ae3d | 0];
const PRIME_3: Constant = [0x9e3779f9 | 0, 0x165667b1 | 0];
const PRIME_4: Constant = [0xc2b2ae63 | 0, 0x85ebca77 | 0];
const PRIME_5: Constant = [0x165667c5 | 0, 0x27d4eb2f | 0];

const [P1L, P1H] = PRIME_1;
const [P2L, P2H] = PRIME_2;
const [P3L, P3H] = PRIME_3;
const [P4L, P4H] = [PRIME_4[0] >>> 0, PRIME_4[1]];

const lane: Words64 = new Int32Array(2);
const LOW = 0;
const HIGH = 1;

/** The high word of the product of two unsigned words, by the four products of their halves, none of which leaves 32 bits. */
function productHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  // (2^16 - 1)^2 and twice as much again as a carry of 16 bits stay below 2^32.
  const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) | 0;
  const other = (Math.imul(a0, b1) + (middle & 0xffff)) | 0;
  return (Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16)) | 0;
}

function multiply(x: Words64, [low, high]: Constant): void {
  const own = x[LOW] as number;
  x[HIGH] = productHigh(own, low) + Math.imul(own, high) + Math.imul(x[HIGH] as number, low);
  x[LOW] = Math.imul(own, low);
}

/** @param by 1 to 31 */
function rotate(x: Words64, by: number): void {
  const [low, high] = [x[LOW] as number, x[HIGH] as number];
  x[LOW] = (low << by) | (high >>> (32 - by));
  x[HIGH] = (high << by) | (low >>> (32 - by));
}

function add(x: Words64, low: number, high: number): void {
  const sum = ((x[LOW] as number) >>> 0) + (low >>> 0);
  x[LOW] = sum | 0;
  x[HIGH] = (x[HIGH] as number) + high + (sum > 0xffffffff ? 1 : 0);
}

/** One step of a lane of eight bytes, which are added to `x`. */
function round(x: Words64, low: number, high: number): void {
  lane[LOW] = low;
  lane[HIGH] = high;
  multiply(lane, PRIME_2);
  add(x, lane[LOW] as number, lane[HIGH] as number);
  rotate(x, 31);
  multiply(x, PRIME_1);
}

function avalanche(x: Words64): void {
  x[LOW] = (x[LOW] as number) ^ ((x[HIGH] as number) >>> 1);
  multiply(x, PRIME_2);
  const [low, high] = [x[LOW] as number, x[HIGH] as number];
  x[LOW] = low ^ ((low >>> 29) | (high << 3));
  x[HIGH] = high ^ (high >>> 29);
  multiply(x, PRIME_3);
  x[LOW] = (x[LOW] as number) ^ (x[HIGH] as number);
}

const stepped: Words64 = new Int32Array(2);

/** Eight bytes into the hash. */
function takeEight(out: Words64, low: number, high: number): void {
  stepped.fill(0);
  round(stepped, low, high);
  out[LOW] = (out[LOW] as number) ^ (stepped[LOW] as number);
  out[HIGH] = (out[HIGH] as number) ^ (stepped[HIGH] as number);
  rotate(out, 27);
  multiply(out, PRIME_1);
  add(out, PRIME_4[0], PRIME_4[1]);
}

/**
 * Hashes a number of 64 bits, as eight bytes with the lowest first: what `takeEight` and `avalanche` do after `PRIME_5 + 8`, in local variables,
 * since every key of a segment comes through here.
 */
export function xxhash64OfWords(low: number, high: number, out: Words64): void {
  let h = (productHigh(low, P2L) + Math.imul(low, P2H) + Math.imul(high, P2L)) | 0;
  let l = Math.imul(low, P2L);
  let turned = (l << 31) | (h >>> 1);
  h = (h << 31) | (l >>> 1);
  // PRIME_5 + 8 has no carry into the high word.
  l = Math.imul(turned, P1L) ^ (PRIME_5[0] + 8);
  h = (productHigh(turned, P1L) + Math.imul(turned, P1H) + Math.imul(h, P1L)) ^ PRIME_5[1];
  turned = (l << 27) | (h >>> 5);
  h = (h << 27) | (l >>> 5);
  const sum = (Math.imul(turned, P1L) >>> 0) + P4L;
  h =
    productHigh(turned, P1L) + Math.imul(turned, P1H) + Math.imul(h, P1L) + P4H + (sum > 0xffffffff ? 1 : 0);
  h |= 0;
  l = sum | 0;
  l ^= h >>> 1;
  h = (productHigh(l, P2L) + Math.imul(l, P2H) + Math.imul(h, P2L)) | 0;
  l = Math.imul(l, P2L);
  l ^= (l >>> 29) | (h << 3);
  h ^= h >>> 29;
  h = (productHigh(l, P3L) + Math.imul(l, P3H) + Math.imul(h, P3L)) | 0;
  out[LOW] = Math.imul(l, P3L) ^ h;
  out[HIGH] = h;
}

/** Hashes the bytes from `begin` up to `end`. */
export function xxhash64(bytes: Uint8Array, begin: number, end: number, out: Words64): void {
  const word = (at: number): number =>
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  let at = begin;
  if (end - begin >= 32) at = takeStripes(word, begin, end, out);
  else {
    out[LOW] = PRIME_5[0];
    out[HIGH] = PRIME_5[1];
  }
  add(out, end - begin, 0);
  for (; at + 8 <= end; at += 8) takeEight(out, word(at), word(at + 4));
  if (at + 4 <= end) {
    lane[LOW] = word(at);
    lane[HIGH] = 0;
    at += 4;
    mix(out, PRIME_1, 23, PRIME_2);
    add(out, PRIME_3[0], PRIME_3[1]);
  }
  for (; at < end; at++) {
    lane[LOW] = bytes[at] as number;
    lane[HIGH] = 0;
    mix(out, PRIME_5, 11, PRIME_1);
  }
  avalanche(out);
}

/** What fewer than eight bytes in `lane` do to the hash. */
function mix(out: Words64, first: Constant, by: number, second: Constant): void {
  multiply(lane, first);
  out[LOW] = (out[LOW] as number) ^ (lane[LOW] as number);
  out[HIGH] = (out[HIGH] as number) ^ (lane[HIGH] as number);
  rotate(out, by);
  multiply(out, second);
}

/** Stripes of 32 bytes, in four lanes that are joined at the end. @returns where the rest begins */
function takeStripes(word: (at: number) => number, begin: number, end: number, out: Words64): number {
  const lanes = [PRIME_1, [0, 0] as Constant, [0, 0] as Constant, [0, 0] as Constant].map(([low, high]) =>
    Int32Array.of(low, high),
  ) as [Words64, Words64, Words64, Words64];
  const [one, two, , four] = lanes;
  add(one, PRIME_2[0], PRIME_2[1]);
  add(two, PRIME_2[0], PRIME_2[1]);
  // 0 - PRIME_1 in two's complement.
  four[LOW] = ~PRIME_1[0];
  four[HIGH] = ~PRIME_1[1];
  add(four, 1, 0);
  let at = begin;
  for (; at + 32 <= end; at += 32)
    for (const [i, own] of lanes.entries()) round(own, word(at + i * 8), word(at + i * 8 + 4));
  out.fill(0);
  for (const [i, own] of lanes.entries()) {
    const turned = own.slice();
    rotate(turned, [1, 7, 12, 18][i] ?? 1);
    add(out, turned[LOW] as number, turned[HIGH] as number);
  }
  for (const own of lanes) {
    const [low, high] = [own[LOW] as number, own[HIGH] as number];
    stepped.fill(0);
    round(stepped, low, high);
    out[LOW] = (out[LOW] as number) ^ (stepped[LOW] as number);
    out[HIGH] = (out[HIGH] as number) ^ (stepped[HIGH] as number);
    multiply(out, PRIME_1);
    add(out, PRIME_4[0], PRIME_4[1]);
  }
  return at;
}
