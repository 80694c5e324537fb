// Whole objects with the checksum that the catalog keeps of them: what a segment's files are written and read through.
// Large objects are summed in pieces with turns in between, so that a file of hundreds of megabytes does not hold up requests.
import { ElanusError } from '#base/errors.js';
import type { BlockSource } from '#index/vector-indexes.js';
import type { ObjectStore } from '#platform/object-store.js';
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

/** The same of parts that are made as they are written; their memory may be used again as `ObjectStore.put` says. */
export async function putParts(
  platform: FilePlatform,
  key: string,
  parts: Iterable<Uint8Array>,
): Promise<Pick<FileRecord, 'key' | 'bytes' | 'crc32'>> {
  let [crc, bytes] = [0, 0];
  function* summed(): Generator<Uint8Array> {
    for (const part of parts) {
      crc = platform.crc32(part, crc);
      bytes += part.length;
      yield part;
    }
  }
  await platform.objectStore.put(key, summed());
  return { key, bytes: BigInt(bytes), crc32: crc >>> 0 };
}

/** @throws data_corrupt when size or checksum differ from the record; object_not_found */
export async function getFile(
  platform: FilePlatform,
  file: Pick<FileRecord, 'key' | 'bytes' | 'crc32'>,
): Promise<Uint8Array> {
  const bytes = await platform.objectStore.get(file.key);
  const found = await checksumOf(platform, bytes);
  if (found === file.crc32 && BigInt(bytes.length) === file.bytes) return bytes;
  throw mismatch(file, found, bytes.length);
}

/** What is said of an object whose bytes are not those that were written. */
export const mismatch = (
  file: Pick<FileRecord, 'key' | 'bytes' | 'crc32'>,
  crc: number,
  bytes: number,
): ElanusError =>
  new ElanusError(
    'data_corrupt',
    `object ${file.key} has CRC-32 ${hex(crc)} over ${bytes} bytes, expected ${hex(file.crc32)} over ${file.bytes}: restore it from a copy`,
  );

/** What is asked for at a time where bytes go straight to where they are used, and how many such reads are under way at once. */
const DIRECT_BYTES = 8 << 20;
const DIRECT_READS = 4;

export interface DirectRead {
  readonly begin: number;
  readonly parts: readonly Uint8Array[];
}

/**
 * Reads of one object, some at a time. When this settles none is under way, so that the memory may be given to others.
 * @param onRead in the order of the reads, when all before are done
 * @throws data_corrupt where the object ends before; what reading throws
 */
export async function readDirectly(
  store: Pick<ObjectStore, 'readInto'>,
  key: string,
  reads: readonly DirectRead[],
  onRead: (index: number) => Promise<void> | void = () => {},
): Promise<void> {
  const running: Promise<void>[] = [];
  const readOne = async ({ begin, parts }: DirectRead): Promise<void> => {
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    const found = await store.readInto(key, begin, parts);
    if (found === wanted) return;
    throw new ElanusError(
      'data_corrupt',
      `object ${key} ends after ${begin + found} bytes, expected ${begin + wanted}: restore it from a copy`,
    );
  };
  const begin = (read: DirectRead | undefined): void => {
    if (read === undefined) return;
    const one = readOne(read);
    one.catch(() => {}); // Whoever waits for it in its turn gets the error.
    running.push(one);
  };
  for (const read of reads.slice(0, DIRECT_READS)) begin(read);
  try {
    for (let i = 0; i < reads.length; i++) {
      await running[i];
      begin(reads[i + DIRECT_READS]);
      await onRead(i);
    }
  } finally {
    await Promise.allSettled(running);
  }
}

/** A block that lies in an object from `from` on. */
export const blockIn = (
  store: Pick<ObjectStore, 'readInto'>,
  key: string,
  bytes: number,
  from = 0,
): BlockSource => ({
  bytes,
  read(begin, into) {
    const reads: DirectRead[] = [];
    for (let at = 0; at < into.length; at += DIRECT_BYTES)
      reads.push({ begin: from + begin + at, parts: [into.subarray(at, at + DIRECT_BYTES)] });
    return readDirectly(store, key, reads);
  },
});

export const hex = (crc: number): string => (crc >>> 0).toString(16).padStart(8, '0');
