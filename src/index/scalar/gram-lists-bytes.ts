// The bytes of lists of grams, as docs/formats/scalar-index.md describes them. A list is checked when it is read.
import { alignUp } from '#base/bytes.js';
import {
  type BlockKind,
  type Checksum,
  checkAscending,
  damaged,
  HEADER_BYTES,
  openBlock,
  putPart,
  sealBlock,
  uint32sAt,
} from './block-bytes.js';
import { GramLists } from './gram-lists.js';

const GRAMS: BlockKind = { letters: 'ELSG', magic: 0x47534c45, version: 1 };
const SIZE_MAX = 3;

function layoutOf(buckets: number, listBytes: number) {
  const offsets = HEADER_BYTES + alignUp(buckets * 4, 8);
  const lists = offsets + alignUp((buckets + 1) * 4, 8);
  return { counts: HEADER_BYTES, offsets, lists, end: lists + alignUp(listBytes, 8) };
}

export function encodeGramLists({ parts }: GramLists): Uint8Array {
  const { rowCount, sizes, counts, offsets, lists } = parts;
  const layout = layoutOf(counts.length, lists.length);
  const bytes = new Uint8Array(layout.end);
  putPart(bytes, counts, layout.counts);
  putPart(bytes, offsets, layout.offsets);
  bytes.set(lists, layout.lists);
  const [first = 0, second = 0] = sizes;
  return sealBlock(bytes, GRAMS, [first, second, rowCount, counts.length, lists.length]);
}

/** Views of the bytes where their address allows it. @throws data_corrupt */
export function decodeGramLists(from: Uint8Array, checksum?: Checksum): GramLists {
  const { bytes, numbers } = openBlock(
    from,
    GRAMS,
    ([, , , buckets = 0, listBytes = 0]) => layoutOf(buckets, listBytes).end,
    checksum,
  );
  const [first = 0, second = 0, rowCount = 0, buckets = 0, listBytes = 0] = numbers;
  const sizes = second === 0 ? [first] : [first, second];
  if (first < 1 || first > SIZE_MAX || second > SIZE_MAX || (second !== 0 && second <= first))
    throw damaged(`has grams of ${first} and ${second} bytes, expected 1 to ${SIZE_MAX}, ascending`);
  if (buckets === 0 || (buckets & (buckets - 1)) !== 0)
    throw damaged(`has ${buckets} buckets, expected a power of two`);
  const layout = layoutOf(buckets, listBytes);
  const counts = uint32sAt(bytes, layout.counts, buckets);
  for (const count of counts)
    if (count > rowCount) throw damaged(`lists ${count} rows of ${rowCount} in a bucket`);
  const offsets = uint32sAt(bytes, layout.offsets, buckets + 1);
  checkAscending(offsets, listBytes, 'lists');
  const lists = bytes.subarray(layout.lists, layout.lists + listBytes);
  return new GramLists({ rowCount, sizes, counts, offsets, lists });
}
