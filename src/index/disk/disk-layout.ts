// The file of a disk index: a head, an index block with what is kept in memory, and pages of records, each a node's links and exact
// vector, which are read one page at a time while a search walks. Byte table: docs/formats/disk-index.md.
import { alignUp } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';

export const DISK_INDEX_TYPE = 'DISKANN';
/** What a disk reads at a time; pages are made of these. */
export const SECTOR_BYTES = 4096;
/** "ELDK" in the order of the bytes. */
const MAGIC = 0x4b444c45;
/** The second names rows that are copies in a DISKANN block; programs that know the first alone would take them for rows without a vector. */
export type DiskIndexVersion = 1 | 2;
const NEWEST_VERSION: DiskIndexVersion = 2;
/** The checksum that ends the head and every page. */
const CRC_BYTES = 4;

export type Crc32 = (bytes: Uint8Array, seed?: number) => number;
/** Places of records; lengths in bytes. */
export interface DiskLayout {
  readonly nodes: number;
  /** Ids in the list of a node; shorter lists end with NIL. */
  readonly links: number;
  readonly vectorBytes: number;
  readonly recordBytes: number;
  readonly recordsPerPage: number;
  readonly pageBytes: number;
  readonly pages: number;
}

/** A record never crosses a page: one read brings it whole. */
export function diskLayout(nodes: number, links: number, vectorBytes: number): DiskLayout {
  const recordBytes = Math.ceil((links * 4 + vectorBytes) / 4) * 4;
  const pageBytes = Math.ceil((recordBytes + CRC_BYTES) / SECTOR_BYTES) * SECTOR_BYTES;
  const recordsPerPage = Math.floor((pageBytes - CRC_BYTES) / recordBytes);
  return {
    nodes,
    links,
    vectorBytes,
    recordBytes,
    recordsPerPage,
    pageBytes,
    pages: Math.ceil(nodes / recordsPerPage),
  };
}

export const pageOf = (layout: DiskLayout, node: number): number => Math.floor(node / layout.recordsPerPage);
/** Offset of a node's record in its page. */
export const recordAt = (layout: DiskLayout, node: number): number =>
  (node % layout.recordsPerPage) * layout.recordBytes;

export interface DiskHead {
  /** The index block is at [SECTOR_BYTES, SECTOR_BYTES + blockBytes). */
  readonly blockBytes: number;
  /** Offset of page 0: the first sector after the block. */
  readonly pagesOffset: number;
  readonly pageBytes: number;
  readonly pages: number;
}

export const fileBytesOf = ({ pagesOffset, pageBytes, pages }: DiskHead): number =>
  pagesOffset + pageBytes * pages;

export function encodeDiskHead(
  blockBytes: number,
  { pageBytes, pages }: DiskLayout,
  version: DiskIndexVersion,
  crc32: Crc32,
): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, version, true);
  view.setBigUint64(8, BigInt(blockBytes), true);
  view.setUint32(16, pageBytes, true);
  view.setUint32(20, pages, true);
  sealPage(bytes, 0, crc32);
  return bytes;
}

/** @throws data_corrupt, naming `what` (the file). */
export function decodeDiskHead(bytes: Uint8Array, what: string, crc32: Crc32): DiskHead {
  const corrupt = (fact: string): ElanusError => diskCorrupt(what, fact);
  if (bytes.length !== SECTOR_BYTES)
    throw corrupt(`a head of ${bytes.length} bytes, expected ${SECTOR_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) throw corrupt('the first four bytes are not ELDK');
  if (!isSealed(bytes, 0, crc32)) throw corrupt('the checksum of its head is wrong');
  const version = view.getUint32(4, true);
  if (version < 1 || version > NEWEST_VERSION)
    throw corrupt(`format version ${version}, expected 1 to ${NEWEST_VERSION}`);
  const blockBytes = Number(view.getBigUint64(8, true));
  const pageBytes = view.getUint32(16, true);
  const pages = view.getUint32(20, true);
  if (!(blockBytes > 0 && blockBytes < 2 ** 32) || pageBytes === 0 || pageBytes % SECTOR_BYTES !== 0) {
    throw corrupt(`a block of ${blockBytes} bytes and pages of ${pageBytes}`);
  }
  return { blockBytes, pagesOffset: pagesOffsetOf(blockBytes), pageBytes, pages };
}

export const pagesOffsetOf = (blockBytes: number): number => SECTOR_BYTES + alignUp(blockBytes, SECTOR_BYTES);

/** Writes the checksum. It starts from the page's number, so that a page in the place of another is found, too. */
export function sealPage(page: Uint8Array, number: number, crc32: Crc32): void {
  const end = page.length - CRC_BYTES;
  new DataView(page.buffer, page.byteOffset).setUint32(end, crc32(page.subarray(0, end), number), true);
}

export function isSealed(page: Uint8Array, number: number, crc32: Crc32): boolean {
  const end = page.length - CRC_BYTES;
  return (
    new DataView(page.buffer, page.byteOffset).getUint32(end, true) ===
    crc32(page.subarray(0, end), number) >>> 0
  );
}

export const diskCorrupt = (what: string, fact: string): ElanusError =>
  new ElanusError('data_corrupt', `${what}: ${fact}; the index has to be built again`);
