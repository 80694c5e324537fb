// The Bloom filter of a column of keys, as Parquet keeps it: a header that names the algorithm, then the blocks. Hashed are the bytes that a
// PLAIN page has of a value: eight of an integer, those of a text without its length.

import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import type { ByteWriter } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';
import { wordsOf } from '#base/bytes.js';
import { BLOCK_BYTES, SplitBlockBloom } from '#base/hashes/split-block-bloom.js';
import { type Words64, xxhash64, xxhash64OfWords } from '#base/hashes/xxhash64.js';
import type { Column } from '#proto/elanus/data.js';

/** More is no filter of ours: a row group has 16,384 rows. */
const FILTER_BYTES_MAX = 1 << 27;
const hash: Words64 = new Int32Array(2);

/** Has the first `rowCount` rows; those that are null add what their bytes are. */
export function bloomOfColumn({ data, offsets }: Column, rowCount: number): SplitBlockBloom {
  const bloom = SplitBlockBloom.ofKeys(rowCount);
  const words = wordsOf(offsets.length > 0 ? offsets : data);
  for (let row = 0; row < rowCount; row++) {
    if (offsets.length > 0) xxhash64(data, words[row] as number, words[row + 1] as number, hash);
    else xxhash64OfWords(words[row * 2] as number, words[row * 2 + 1] as number, hash);
    bloom.add(hash);
  }
  return bloom;
}

/** @returns bytes written */
export function writeBloom(out: ByteWriter, { words }: SplitBlockBloom): number {
  const begin = out.offset;
  // Members of three unions: split block, xxHash and uncompressed are the first of each.
  const first = { field_1: {} };
  const header = { field_1: words.byteLength, field_2: first, field_3: first, field_4: first };
  serializeTCompactProtocol(out, header);
  for (const word of words) out.appendUint32(word);
  return out.offset - begin;
}

/** A copy of it; undefined where it is of another kind, which a reader may pass over. @throws Error when it does not fit the file */
export function readBloom(file: Uint8Array, offset: number): SplitBlockBloom | undefined {
  const reader = { view: new DataView(file.buffer, file.byteOffset, file.byteLength), offset };
  const header = deserializeTCompactProtocol(reader);
  const bytes: unknown = header.field_1;
  const isKnown = [header.field_2, header.field_3, header.field_4].every(
    (union) => union?.field_1 !== undefined,
  );
  if (!isKnown) return undefined;
  if (
    typeof bytes !== 'number' ||
    bytes < BLOCK_BYTES ||
    bytes > FILTER_BYTES_MAX ||
    bytes % BLOCK_BYTES !== 0
  )
    throw new Error(`a bloom filter has ${bytes} bytes`);
  if (reader.offset + bytes > file.length) throw new Error('a bloom filter ends after its file');
  const words = new Uint32Array(bytes / 4);
  // Little-endian here and there, as everything that kernels read.
  new Uint8Array(words.buffer).set(file.subarray(reader.offset, reader.offset + bytes));
  return new SplitBlockBloom(words);
}
