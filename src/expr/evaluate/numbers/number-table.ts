// A list of whole numbers as kernels ask for it. Numbers close to each other have a bit each, and the answer is exact. Others have a bit for
// their hash, 32 bits or so a value: a number whose bit is not set is not in the list, and the few others are looked up.
import { filterKernel } from '#expr/evaluate/filter-kernel.js';

/** `bits` of a map has a 0 behind its last number. `shift`: 64 less the bits of a place. */
export type NumberTable =
  | { readonly kind: 'map'; readonly low: bigint; readonly span: number; readonly bits: Uint8Array }
  | { readonly kind: 'hashes'; readonly shift: number; readonly bits: Uint8Array };

/** The widest run of whole numbers that is kept as one bit each: 128 KiB. */
export const MAP_SPAN_MAX = 1 << 20;
/** Up to these many numbers, or up to so many for each value, a map is as quick to ask as hashes are. */
const MAP_SPAN_SMALL = 1 << 15;
const MAP_SPAN_OF_VALUE = 64;
const [HASH_BITS_MIN, HASH_BITS_MAX] = [12, 19];
/** Longer lists are not worth a table: most hashes would be set. */
const HASHED_MAX = 2 ** (HASH_BITS_MAX - 3);

/** Undefined: the list is long and wide. @param values ascending, at least one */
export function numberTableOf(values: BigInt64Array): NumberTable | undefined {
  const [low, high] = [values[0] as bigint, values[values.length - 1] as bigint];
  const span = Number(high - low) + 1;
  const isDense = span <= Math.max(MAP_SPAN_SMALL, values.length * MAP_SPAN_OF_VALUE);
  if (span <= MAP_SPAN_MAX && (isDense || values.length > HASHED_MAX)) return mapOf(values, low, span);
  return values.length <= HASHED_MAX ? hashesOf(values) : undefined;
}

function mapOf(values: BigInt64Array, low: bigint, span: number): NumberTable {
  const bits = new Uint8Array((span >>> 3) + 1);
  for (const value of values) {
    const at = Number(value - low);
    bits[at >>> 3] = (bits[at >>> 3] as number) | (1 << (at & 7));
  }
  return { kind: 'map', low, span, bits };
}

function hashesOf(values: BigInt64Array): NumberTable {
  const wanted = Math.ceil(Math.log2(values.length * 32));
  const places = Math.min(HASH_BITS_MAX, Math.max(HASH_BITS_MIN, wanted));
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return {
    kind: 'hashes',
    shift: 64 - places,
    bits: filterKernel().hashesOf(words, 2 ** places / 8, 64 - places),
  };
}
