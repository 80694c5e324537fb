// A Bloom filter that a client made of many values, for `membership_match(…, type=bloom)`: an envelope of 32 bytes, MBF1, and the blocks
// of a split-block filter of Parquet behind it. Integers went in as eight bytes, texts as their UTF-8.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { ownBytes } from './own-bytes.js';

export interface BloomMembers {
  readonly kind: 'bloom';
  readonly words: Uint32Array;
  readonly hasInts: boolean;
  readonly hasTexts: boolean;
}

const MAGIC = 'MBF1';
const VERSION = 1;
const FORMAT_SPLIT_BLOCK = 1;
const HEADER_BYTES = 32;
const BLOCK_BYTES = 32;
const HAS_INTS = 1;
const HAS_TEXTS = 2;

/** @param at of the filter's text, for what is wrong. @throws FilterSyntaxError */
export function readBloom(bytes: Uint8Array, at: number): BloomMembers {
  const refuse = (why: string): never => {
    throw new FilterSyntaxError(
      `membership_match has no Bloom filter in its value: ${why}; make it by build_bloom_filter of pymilvus`,
      at,
    );
  };
  if (bytes.length < HEADER_BYTES) refuse(`it has ${bytes.length} bytes, expected ${HEADER_BYTES} or more`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic !== MAGIC) refuse(`it begins with ${JSON.stringify(magic)}, expected ${JSON.stringify(MAGIC)}`);
  const [version, format] = [view.getUint16(4, true), view.getUint16(6, true)];
  if (version !== VERSION || format !== FORMAT_SPLIT_BLOCK)
    refuse(`version ${version} of format ${format}, expected ${VERSION} of ${FORMAT_SPLIT_BLOCK}`);
  const [blocks, domains] = [view.getUint32(24, true), view.getUint8(28)];
  if (domains > HAS_INTS + HAS_TEXTS) refuse(`its members are of the kinds ${domains}, expected 0 to 3`);
  if (blocks === 0 || bytes.length !== HEADER_BYTES + blocks * BLOCK_BYTES)
    refuse(
      `${blocks} blocks in ${bytes.length} bytes, expected ${BLOCK_BYTES} bytes a block behind the head`,
    );
  const body = ownBytes(bytes.subarray(HEADER_BYTES));
  return {
    kind: 'bloom',
    words: new Uint32Array(body.buffer, body.byteOffset, body.length / 4),
    hasInts: (domains & HAS_INTS) !== 0,
    hasTexts: (domains & HAS_TEXTS) !== 0,
  };
}
