// Builds a disk index: a graph as for memory (graph-build.ts), then its file as a stream, of which only a few pages exist at a time.
import { assert, must } from '#base/assert.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import { decodeIndexBlock, encodeIndexBlock, type IndexBlock } from '#index/block/index-block.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { type CodeForm, codeBytes } from '#index/graph/codes/graph-codes.js';
import { buildGraph } from '#index/graph/graph-build.js';
import type { BuildOptions, GraphSpec, SourceVectors } from '#index/graph/graph-spec.js';
import { COPY_SECTIONS } from '#index/graph/nodes/copies-of-rows.js';
import { graphParams } from '#index/graph/nodes/graph-layout.js';
import { type Crc32, DISK_INDEX_TYPE, diskLayout } from './disk-layout.js';
import { type DiskFile, pagedFile } from './paged-file.js';

export interface DiskSpec
  extends Omit<GraphSpec, 'indexType' | 'degree' | 'efConstruction' | 'form' | 'params' | 'elementType'> {
  readonly elementType: ElementType;
  /** Links of a node, 1 to 2,048. */
  readonly maxDegree: number;
  readonly searchListSize: number;
  /** Bytes of codes in memory to bytes of vectors. */
  readonly pqCodeBudgetRatio: number;
}

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
    ...rest,
    indexType: DISK_INDEX_TYPE,
    params: { maxDegree, searchListSize, pqCodeBudgetRatio },
    // Layer 0, the only one that is kept, has two links for each of the degree.
    ...{
      degree: Math.max(2, Math.ceil(maxDegree / 2)),
      efConstruction: searchListSize,
      form: codeFormFor(spec),
      isPaged: true,
    },
  };
  const built = decodeIndexBlock(await buildGraph(workers, graph, source, options));
  const layout = diskLayout(
    graphParams(built.meta).nodes,
    graphParams(built.meta).degree * 2,
    vectorBytes(spec.elementType, spec.dim),
  );
  const lists = must(built.sections.get('links'), 'links of the graph');
  const rows = built.sections.get('rows');
  assert(
    rows !== undefined || layout.nodes === spec.rowCount,
    `${layout.nodes} nodes for ${spec.rowCount} rows without a map`,
  );
  return pagedFile(memoryBlock(built), layout, { source, lists, ...(rows && { rows }) }, crc32);
}

/** The finest codes within the budget; the coarsest that there are when it is smaller. Few dims take as many bytes by 8 bits as by fewer. */
function codeFormFor({ pqCodeBudgetRatio, elementType, dim }: DiskSpec): CodeForm {
  const bits = pqCodeBudgetRatio * (elementType === 'float32' ? 32 : 16);
  const form = bits >= 8 ? 'SQ8' : bits >= 6 ? 'SQ6' : 'SQ4';
  return codeBytes('SQ8', dim) <= codeBytes(form, dim) ? 'SQ8' : form;
}

/** What a loaded index keeps: no links, and no upper layers, as walks begin at the nearest of some nodes, found by codes. */
function memoryBlock({ meta, sections }: IndexBlock): Uint8Array {
  const kept = ['frame', 'codes', 'rows', ...Object.values(COPY_SECTIONS)].flatMap((name) => {
    const bytes = sections.get(name);
    return bytes === undefined ? [] : [[name, bytes] as const];
  });
  return encodeIndexBlock(meta, new Map(kept));
}
