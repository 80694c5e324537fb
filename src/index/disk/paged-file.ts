// The file of an index whose vectors stay there (docs/formats/disk-index.md), made as a stream of which only some pages exist at a time:
// a head, the block that is kept in memory, and pages of records, each a list of links (or none) and a vector as it is in its row.
import { assert } from '#base/assert.js';
import { type IndexMeta, readIndexBlock } from '#index/block/index-block.js';
import { addressOfRow } from '#index/block/vector-floats.js';
import type { ExactVectors, IndexRegion } from '#index/block/vector-index.js';
import { COPY_SECTIONS } from '#index/graph/nodes/copies-of-rows.js';
import {
  type Crc32,
  DISK_INDEX_TYPE,
  type DiskLayout,
  encodeDiskHead,
  pagesOffsetOf,
  sealPage,
} from './disk-layout.js';

export interface DiskFile {
  /** In order, to be written as they are made: each is used up when the next is asked for. */
  readonly parts: Iterable<Uint8Array>;
  readonly bytes: number;
  /** What the block in it says of itself. */
  readonly meta: IndexMeta;
}

/** What a record holds. */
export interface PagedRecords {
  readonly source: { readonly region: IndexRegion; readonly place: ExactVectors };
  /** The lists one after the other, `links` ids each; where the layout has links. */
  readonly lists?: Uint8Array;
  /** uint32: the row of a record; absent: the same. */
  readonly rows?: Uint8Array;
}

/** Bytes of pages that are made at a time. */
const CHUNK_BYTES = 1 << 20;

/** @param crc32 the platform's; the file is written while the source is still there */
export function pagedFile(
  block: Uint8Array,
  layout: DiskLayout,
  records: PagedRecords,
  crc32: Crc32,
): DiskFile {
  const { meta, sections } = readIndexBlock(block);
  const version = meta.indexType === DISK_INDEX_TYPE && sections.has(COPY_SECTIONS.copies) ? 2 : 1;
  const head = encodeDiskHead(block.length, layout, version, crc32);
  const bytes = pagesOffsetOf(block.length) + layout.pages * layout.pageBytes;
  return {
    parts: partsOf(head, block, pagesOf(layout, records, crc32)),
    bytes,
    meta,
  };
}

function* partsOf(head: Uint8Array, block: Uint8Array, pages: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield head;
  yield block;
  yield new Uint8Array(pagesOffsetOf(block.length) - head.length - block.length);
  yield* pages;
}

function* pagesOf(
  layout: DiskLayout,
  { source, lists, rows: map }: PagedRecords,
  crc32: Crc32,
): Iterable<Uint8Array> {
  const { nodes, links, recordBytes, recordsPerPage, pageBytes, pages, vectorBytes: width } = layout;
  const listBytes = links * 4;
  assert(
    (lists?.length ?? 0) === nodes * listBytes,
    `${lists?.length ?? 0} bytes of links for ${nodes} nodes`,
  );
  const rows = map && new DataView(map.buffer, map.byteOffset, map.length);
  const { memory } = source.region;
  const pagesAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / pageBytes));
  for (let first = 0; first < pages; first += pagesAtOnce) {
    const chunk = new Uint8Array(Math.min(pagesAtOnce, pages - first) * pageBytes);
    for (let at = 0; at < chunk.length; at += pageBytes) {
      const number = first + at / pageBytes;
      for (let i = 0; i < recordsPerPage; i++) {
        const node = number * recordsPerPage + i;
        if (node === nodes) break;
        const record = at + i * recordBytes;
        const row = rows?.getUint32(node * 4, true) ?? node;
        if (lists !== undefined) chunk.set(lists.subarray(node * listBytes, (node + 1) * listBytes), record);
        chunk.set(
          new Uint8Array(memory.buffer, addressOfRow(source.place, row, width), width),
          record + listBytes,
        );
      }
      sealPage(chunk.subarray(at, at + pageBytes), number, crc32);
    }
    yield chunk;
  }
}
