// A disk index in memory: codes, the frame that queries are brought into, and which row a node is. Links and vectors stay in the file.

import { must } from '#base/assert.js';
import { alignUp } from '#base/bytes.js';
import { type ElementType, elementTypes, vectorBytes } from '#index/block/element-type.js';
import { decodeIndexBlock, type IndexBlock } from '#index/block/index-block.js';
import { isMetricType } from '#index/block/metric.js';
import {
  type IndexPlacement,
  type IndexRegion,
  type IndexWorkers,
  type LoadedIndex,
  placeIndex,
  sectionOf,
} from '#index/block/vector-index.js';
import { codeBytes, isCodeForm, queryBytes } from '#index/graph/codes/graph-codes.js';
import { CopiesOfRows, copiesIn } from '#index/graph/nodes/copies-of-rows.js';
import { checkCopies } from '#index/graph/nodes/graph-check.js';
import { type GraphParams, graphParams } from '#index/graph/nodes/graph-layout.js';
import type { ScoringPlace } from './disk-found.js';
import { DISK_INDEX_TYPE, type DiskHead, type DiskLayout, diskCorrupt, diskLayout } from './disk-layout.js';

/** Links of a record at most, which one call of a kernel takes. */
export const DISK_LINKS_MAX = 4096;
/** Bytes of vectors that are scored at a time. */
const EXACT_BYTES = 64 * 1024;
/** Working memory of one thread, offsets from its start. */
export interface DiskWork {
  readonly raw: number;
  readonly framed: number;
  readonly query: number;
  readonly queryBytes: number;
  readonly ids: number;
  readonly keys: number;
  /** Vectors to be scored, and their inverse norms. */
  readonly exact: number;
  readonly norms: number;
  readonly exactRows: number;
  readonly bytes: number;
}

export function diskWork(dim: number, vectorWidth: number): DiskWork {
  let at = 0;
  const take = (bytes: number): number => {
    const place = at;
    at += alignUp(bytes, 64);
    return place;
  };
  const exactRows = Math.min(4096, Math.max(16, Math.floor(EXACT_BYTES / vectorWidth)));
  const work = {
    raw: take(queryBytes(dim)),
    framed: take(queryBytes(dim)),
    query: take(queryBytes(dim)),
    queryBytes: queryBytes(dim),
    ids: take((DISK_LINKS_MAX + 4) * 4 + 64),
    keys: take((DISK_LINKS_MAX + 4) * 4),
    exact: take(exactRows * vectorWidth),
    norms: take(exactRows * 4),
    exactRows,
    bytes: 0,
  };
  return { ...work, bytes: at };
}

export interface DiskIndex<Region extends IndexRegion = IndexRegion> extends LoadedIndex<Region> {
  readonly params: GraphParams;
  readonly layout: DiskLayout;
  readonly head: DiskHead;
  readonly elementType: ElementType;
  readonly work: DiskWork;
  /** Address of the working memory of the calling thread, which walks. */
  readonly walkAt: number;
  /** In it, for what was read. */
  readonly scoring: ScoringPlace;
  /** Rows by node, of rows with one vector the first; undefined: the same. */
  readonly rows: Uint32Array | undefined;
  /** Rows whose vectors are those of other rows, which have the nodes. */
  readonly copies: CopiesOfRows | undefined;
  /** Nodes by row, NO_NODE where a row has no vector; undefined: the same. */
  readonly nodeOf: Uint32Array | undefined;
  /** Bit set: the row has no vector. Undefined: all have one. */
  readonly nullBits: Uint8Array | undefined;
  /** Names it in errors. */
  readonly what: string;
}

export const NO_NODE = 0xffffffff;

/**
 * @param block as the head says where it is
 * @throws data_corrupt, naming `what`: build it again; memory_limit
 */
export function loadDiskIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  head: DiskHead,
  bytes: Uint8Array,
  what: string,
): DiskIndex<Region> {
  const block = decodeIndexBlock(bytes, what);
  const { meta } = block;
  const corrupt = (fact: string): Error => diskCorrupt(what, fact);
  if (meta.indexType !== DISK_INDEX_TYPE)
    throw corrupt(`index type ${meta.indexType}, expected ${DISK_INDEX_TYPE}`);
  const params = graphParams(meta);
  const { nodes, degree, form, codeStride, step, hasRows } = params;
  const isCount = (value: number, most: number): boolean =>
    Number.isInteger(value) && value >= 0 && value <= most;
  const elementType = elementTypes.find((one) => one === meta.elementType);
  if (elementType === undefined || elementType === 'binary') throw corrupt(`vectors of ${meta.elementType}`);
  const { metric } = meta;
  if (!isMetricType(metric)) throw corrupt(`metric ${metric}`);
  if (!isCount(nodes, meta.rowCount) || !isCount(degree, DISK_LINKS_MAX / 2) || degree < 1 || meta.dim < 1) {
    throw corrupt(`${nodes} nodes of degree ${degree} for ${meta.rowCount} rows of dim ${meta.dim}`);
  }
  if (!isCodeForm(form) || codeStride !== codeBytes(form, meta.dim) || !(step > 0)) {
    throw corrupt(`codes ${form} of ${codeStride} bytes, step ${step}`);
  }
  if (!hasRows && nodes !== meta.rowCount)
    throw corrupt(`${nodes} nodes for ${meta.rowCount} rows without a map`);
  const width = vectorBytes(elementType, meta.dim);
  const layout = diskLayout(nodes, degree * 2, width);
  if (layout.pageBytes !== head.pageBytes || layout.pages !== head.pages) {
    throw corrupt(
      `${head.pages} pages of ${head.pageBytes} bytes, expected ${layout.pages} of ${layout.pageBytes}`,
    );
  }
  sectionOf(block, 'codes', nodes * codeStride);
  sectionOf(block, 'frame', meta.dim * 20);
  checkCopies(block);
  const maps = hasRows ? rowMaps(block, nodes, corrupt) : undefined;
  const work = diskWork(meta.dim, width);
  const loaded = placeIndex(workers, block, work.bytes, workers.parallelism);
  const walkAt = loaded.placement.workOffset + loaded.placement.workBytes * workers.parallelism;
  return {
    ...loaded,
    params,
    layout,
    head,
    elementType,
    work,
    what,
    walkAt,
    scoring: {
      memory: loaded.region.memory,
      metric,
      elementType,
      dim: meta.dim,
      vectors: walkAt + work.exact,
      norms: walkAt + work.norms,
      rows: work.exactRows,
    },
    rows: maps && new Uint32Array(loaded.region.memory.buffer, sectionPlace(loaded.placement, 'rows'), nodes),
    copies: CopiesOfRows.in(loaded.region.memory, loaded.placement),
    nodeOf: maps?.nodeOf,
    nullBits: maps?.nullBits,
    bytes: loaded.bytes + (maps === undefined ? 0 : meta.rowCount * 4 + (maps.nullBits?.length ?? 0)),
  };
}

export const sectionPlace = (placement: IndexPlacement, name: string): number =>
  must(placement.sections[name], `section ${name}`).offset;

function rowMaps(block: IndexBlock, nodes: number, corrupt: (fact: string) => Error) {
  const { rowCount } = block.meta;
  const section = sectionOf(block, 'rows', nodes * 4);
  const view = new DataView(section.buffer, section.byteOffset, section.length);
  const nodeOf = new Uint32Array(rowCount).fill(NO_NODE);
  for (let node = 0; node < nodes; node++) {
    const row = view.getUint32(node * 4, true);
    if (row >= rowCount || nodeOf[row] !== NO_NODE)
      throw corrupt(`node ${node} is row ${row} of ${rowCount}, or another node is`);
    nodeOf[row] = node;
  }
  let withNode = nodes;
  for (const [first, copy] of copiesIn(block)) {
    if (nodeOf[copy] !== NO_NODE || nodeOf[first] === NO_NODE)
      throw corrupt(`row ${copy} is a copy of row ${first}, and has a node of its own or the other has none`);
    nodeOf[copy] = nodeOf[first] as number;
    withNode++;
  }
  if (withNode === rowCount) return { nodeOf, nullBits: undefined };
  const nullBits = new Uint8Array(Math.ceil(rowCount / 8));
  for (let row = 0; row < rowCount; row++) {
    if (nodeOf[row] === NO_NODE) nullBits[row >> 3] = (nullBits[row >> 3] as number) | (1 << (row & 7));
  }
  return { nodeOf, nullBits };
}
