// Builds a disk index: a graph as for memory (graph-build.ts), then its file as a stream, of which only a few pages exist at a time.
import { assert, must } from '#base/assert.js';
import { type Crc32, DISK_INDEX_TYPE, type DiskLayout, diskLayout, encodeDiskHead, pagesOffsetOf, sealPage } from './disk-layout.js';
import { type ElementType, vectorBytes } from './element-type.js';
import { type BuildOptions, buildGraph, type GraphSpec, type SourceVectors } from './graph-build.js';
import type { CodeForm } from './graph-codes.js';
import { graphParams } from './graph-layout.js';
import { decodeIndexBlock, encodeIndexBlock, type IndexBlock } from './index-block.js';
import { addressOfRow } from './vector-floats.js';
import type { ExactVectors, IndexRegion, IndexWorkers } from './vector-index.js';

export interface DiskSpec extends Omit<GraphSpec, 'indexType' | 'degree' | 'efConstruction' | 'form' | 'params' | 'elementType'> {
  readonly elementType: ElementType;
  /** Links of a node, 1 to 2,048. */
  readonly maxDegree: number;
  readonly searchListSize: number;
  /** Bytes of codes in memory to bytes of vectors. */
  readonly pqCodeBudgetRatio: number;
}
export interface DiskFile {
  /** In order, to be written as they are made: each is used up when the next is asked for. */
  readonly parts: Iterable<Uint8Array>;
  readonly bytes: number;
}
/** Bytes of pages that are made at a time. */
const CHUNK_BYTES = 1 << 20;

/** @param crc32 the platform's; the file is written while `source` is still there */
export async function buildDiskIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: DiskSpec,
  source: SourceVectors<Region>,
  crc32: Crc32,
  options: BuildOptions = {},
): Promise<DiskFile> {
  const { maxDegree, searchListSize, pqCodeBudgetRatio, ...rest } = spec;
  const graph = {
    ...{ ...rest, indexType: DISK_INDEX_TYPE, params: { maxDegree, searchListSize, pqCodeBudgetRatio } },
    // Layer 0, the only one that is kept, has two links for each of the degree.
    ...{ degree: Math.max(2, Math.ceil(maxDegree / 2)), efConstruction: searchListSize, form: codeFormFor(spec) },
  };
  const built = decodeIndexBlock(await buildGraph(workers, graph, source, options));
  const layout = diskLayout(graphParams(built.meta).nodes, graphParams(built.meta).degree * 2, vectorBytes(spec.elementType, spec.dim));
  const block = memoryBlock(built);
  const head = encodeDiskHead(block.length, layout, crc32);
  const bytes = pagesOffsetOf(block.length) + layout.pages * layout.pageBytes;
  return { parts: partsOf(head, block, pagesOf(built, layout, source, crc32)), bytes };
}
/** The finest codes within the budget; the coarsest that there are when it is smaller. */
function codeFormFor({ pqCodeBudgetRatio, elementType }: DiskSpec): CodeForm {
  const bits = pqCodeBudgetRatio * (elementType === 'float32' ? 32 : 16);
  return bits >= 8 ? 'SQ8' : bits >= 6 ? 'SQ6' : 'SQ4';
}
/** What a loaded index keeps: no links, and no upper layers, as walks begin at the nearest of some nodes that codes tell. */
function memoryBlock({ meta, sections }: IndexBlock): Uint8Array {
  const kept = ['frame', 'codes', 'rows'].flatMap((name) => {
    const bytes = sections.get(name);
    return bytes === undefined ? [] : [[name, bytes] as const];
  });
  return encodeIndexBlock(meta, new Map(kept));
}
function* partsOf(head: Uint8Array, block: Uint8Array, pages: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield head;
  yield block;
  yield new Uint8Array(pagesOffsetOf(block.length) - head.length - block.length);
  yield* pages;
}
function* pagesOf(
  { meta, sections }: IndexBlock,
  layout: DiskLayout,
  source: { readonly region: IndexRegion; readonly place: ExactVectors },
  crc32: Crc32,
): Iterable<Uint8Array> {
  const { nodes, links, recordBytes, recordsPerPage, pageBytes, pages, vectorBytes: width } = layout;
  const listBytes = links * 4;
  const lists = must(sections.get('links'), 'links of the graph');
  assert(lists.length === nodes * listBytes, `${lists.length} bytes of links for ${nodes} nodes`);
  const map = sections.get('rows');
  const rows = map && new DataView(map.buffer, map.byteOffset, map.length);
  assert(rows !== undefined || nodes === meta.rowCount, `${nodes} nodes for ${meta.rowCount} rows without a map`);
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
        chunk.set(lists.subarray(node * listBytes, (node + 1) * listBytes), record);
        chunk.set(new Uint8Array(memory.buffer, addressOfRow(source.place, row, width), width), record + listBytes);
      }
      sealPage(chunk.subarray(at, at + pageBytes), number, crc32);
    }
    yield chunk;
  }
}
