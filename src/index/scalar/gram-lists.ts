// Which rows a short run of bytes occurs in: an index for `like` with something in the middle. Runs (grams) of one or two lengths are hashed
// into buckets, and behind each bucket are the rows whose text has a gram of it, as differences. Two grams may share a bucket, and a text that
// has all grams of a pattern need not have the pattern: rows that are found here are candidates, never an answer. What is missing here does
// not match, though. Its bytes are `gram-lists-bytes.ts`.
import { damaged } from './block-bytes.js';
import type { TextEntries } from './entries.js';

export interface GramListsParts {
  /** Rows of the column. */
  readonly rowCount: number;
  /** Bytes of a gram, 1 to 3, ascending: one length or two. */
  readonly sizes: readonly number[];
  /** Rows in each bucket; as many buckets as a power of two. */
  readonly counts: Uint32Array;
  /** The rows of bucket b are in `lists[offsets[b], offsets[b + 1])`. */
  readonly offsets: Uint32Array;
  /** Each row less the one before it (the first: itself), as a number of 7 bits a byte, the low ones first, the last byte below 128. */
  readonly lists: Uint8Array;
}

const BUCKETS_MIN = 1 << 8;
const BUCKETS_MAX = 1 << 16;
/** A list that is so many times as long as what is left takes longer to read than what is left to be looked at. */
const WORTHWHILE = 32;

export class GramLists {
  readonly parts: GramListsParts;

  constructor(parts: GramListsParts) {
    this.parts = parts;
  }

  static of(entries: TextEntries, sizes: readonly number[], rowCount: number): GramLists {
    const { begins, ends } = entries;
    let bytes = 0;
    for (let at = 0; at < begins.length; at++) bytes += (ends[at] as number) - (begins[at] as number);
    const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, bytes / 8)));
    const buckets = Math.max(BUCKETS_MIN, Math.min(BUCKETS_MAX, wanted));
    const counts = new Uint32Array(buckets);
    const lengths = new Uint32Array(buckets);
    forEachGram(entries, sizes, buckets, (bucket, difference) => {
      counts[bucket] = (counts[bucket] as number) + 1;
      lengths[bucket] = (lengths[bucket] as number) + varintLength(difference);
    });
    const offsets = new Uint32Array(buckets + 1);
    for (let at = 0; at < buckets; at++) offsets[at + 1] = (offsets[at] as number) + (lengths[at] as number);
    const lists = new Uint8Array(offsets[buckets] as number);
    const next = offsets.slice();
    forEachGram(entries, sizes, buckets, (bucket, difference) => {
      next[bucket] = putVarint(lists, next[bucket] as number, difference);
    });
    return new GramLists({ rowCount, sizes, counts, offsets, lists });
  }

  /** Buckets of the longest grams of the texts, those with the fewest rows first; undefined: every text is shorter than a gram. */
  bucketsOf(texts: readonly Uint8Array[]): readonly number[] | undefined {
    const { sizes, counts } = this.parts;
    const buckets = new Set<number>();
    for (const text of texts) {
      const size = sizes.findLast((one) => one <= text.length);
      if (size === undefined) continue;
      for (let at = 0; at + size <= text.length; at++) buckets.add(bucketOf(text, at, size, counts.length));
    }
    if (buckets.size === 0) return undefined;
    return [...buckets].sort((a, b) => (counts[a] as number) - (counts[b] as number));
  }

  countOf(bucket: number): number {
    return this.parts.counts[bucket] as number;
  }

  /** Rows that are in all of these buckets, or in the first ones of them, ascending. @throws data_corrupt */
  rowsIn(buckets: readonly number[]): Uint32Array {
    const [first, ...others] = buckets;
    if (first === undefined) return new Uint32Array(0);
    let rows = this.#listOf(first);
    for (const bucket of others) {
      if (this.countOf(bucket) > rows.length * WORTHWHILE) break;
      rows = intersect(rows, this.#listOf(bucket));
    }
    return rows;
  }

  #listOf(bucket: number): Uint32Array {
    const { counts, offsets, lists, rowCount } = this.parts;
    const rows = new Uint32Array(counts[bucket] as number);
    const end = offsets[bucket + 1] as number;
    let at = offsets[bucket] as number;
    let row = 0;
    for (let index = 0; index < rows.length; index++) {
      let difference = 0;
      let byte: number;
      let scale = 1;
      do {
        byte = at < end ? (lists[at++] as number) : 0;
        difference += (byte & 127) * scale;
        scale *= 128;
      } while (byte > 127 && scale < 2 ** 35);
      row += difference;
      if (row >= rowCount) throw damaged(`names row ${row} of ${rowCount}`);
      rows[index] = row;
    }
    if (at !== end) throw damaged(`has a list of ${end - at} bytes too many`);
    return rows;
  }
}

/** Calls with each bucket that a row has, once a row, and the row less the one before it in that bucket. Rows ascend. */
function forEachGram(
  { rows, data, begins, ends }: TextEntries,
  sizes: readonly number[],
  buckets: number,
  use: (bucket: number, difference: number) => void,
): void {
  /** By bucket: the last row that was noted, and 1; 0: none. */
  const last = new Uint32Array(buckets);
  for (let entry = 0; entry < rows.length; entry++) {
    const row = rows[entry] as number;
    const [begin, end] = [begins[entry] as number, ends[entry] as number];
    for (const size of sizes) {
      for (let at = begin; at + size <= end; at++) {
        const bucket = bucketOf(data, at, size, buckets);
        const before = last[bucket] as number;
        if (before === row + 1) continue;
        last[bucket] = row + 1;
        use(bucket, before === 0 ? row : row + 1 - before);
      }
    }
  }
}

/** Buckets are written into files: this never changes. */
function bucketOf(bytes: Uint8Array, at: number, size: number, buckets: number): number {
  let gram = size;
  for (let index = 0; index < size; index++) gram = (gram << 8) | (bytes[at + index] as number);
  const mixed = Math.imul(gram ^ (gram >>> 15), 0x9e3779b1);
  return (mixed ^ (mixed >>> 16)) & (buckets - 1);
}

function intersect(one: Uint32Array, other: Uint32Array): Uint32Array {
  const rows = new Uint32Array(Math.min(one.length, other.length));
  let count = 0;
  for (let at = 0, to = 0; at < one.length && to < other.length; ) {
    const [left, right] = [one[at] as number, other[to] as number];
    if (left === right) rows[count++] = left;
    if (left <= right) at++;
    if (right <= left) to++;
  }
  return rows.slice(0, count);
}

const varintLength = (value: number): number => (value < 128 ? 1 : 1 + varintLength(Math.floor(value / 128)));

function putVarint(bytes: Uint8Array, from: number, value: number): number {
  let at = from;
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes[at++] = (left % 128) + 128;
  bytes[at++] = left;
  return at;
}
