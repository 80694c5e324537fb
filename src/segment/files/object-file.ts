// Whole objects with the checksum that the catalog keeps of them: what a segment's files are written and read through.
// Large objects are summed in pieces with turns in between, so that a file of hundreds of megabytes does not hold up requests.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { FileRecord } from '#proto/elanus/data.js';

const PIECE_BYTES = 8 << 20;

/** What keys of insert and delta logs end in. */
export const LOG_SUFFIX = '.parquet';

export interface SegmentAddress {
  readonly collectionId: bigint;
  readonly partitionId: bigint;
  readonly segmentId: bigint;
}

/** What of the platform files need. */
export type FilePlatform = Pick<Platform, 'objectStore' | 'timers' | 'crc32'>;

async function checksumOf(platform: FilePlatform, bytes: Uint8Array): Promise<number> {
  let crc = 0;
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await platform.timers.yield();
    crc = platform.crc32(bytes.subarray(at, at + PIECE_BYTES), crc);
  }
  return crc >>> 0;
}

export async function putFile(
  platform: FilePlatform,
  key: string,
  bytes: Uint8Array,
): Promise<Pick<FileRecord, 'key' | 'bytes' | 'crc32'>> {
  const crc32 = await checksumOf(platform, bytes);
  await platform.objectStore.put(key, [bytes]);
  return { key, bytes: BigInt(bytes.length), crc32 };
}

/** @throws data_corrupt when size or checksum differ from the record; object_not_found */
export async function getFile(
  platform: FilePlatform,
  file: Pick<FileRecord, 'key' | 'bytes' | 'crc32'>,
): Promise<Uint8Array> {
  const bytes = await platform.objectStore.get(file.key);
  const found = await checksumOf(platform, bytes);
  if (found === file.crc32 && BigInt(bytes.length) === file.bytes) return bytes;
  throw new ElanusError(
    'data_corrupt',
    `object ${file.key} has CRC-32 ${hex(found)} over ${bytes.length} bytes, expected ${hex(file.crc32)} over ${file.bytes}: restore it from a copy`,
  );
}

export const hex = (crc: number): string => (crc >>> 0).toString(16).padStart(8, '0');
