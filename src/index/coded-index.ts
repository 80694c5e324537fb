// An index that answers by its codes while the vectors stay in its file (HNSW_SQ without refine): the block of the graph is what is in
// memory, and the pages of the file hold the vectors row by row, without links, for output and for exact scores where these are asked for.

import { type ElementType, elementTypes, vectorBytes } from '#index/block/element-type.js';
import { isMetricType, type MetricType } from '#index/block/metric.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import {
  type Crc32,
  type DiskHead,
  type DiskLayout,
  diskCorrupt,
  diskLayout,
} from '#index/disk/disk-layout.js';
import { type DiskFile, pagedFile } from '#index/disk/paged-file.js';
import type { BuildOptions, SourceVectors } from '#index/graph/graph-spec.js';
import { buildVectorIndex, type SearchableIndex, type VectorIndexSpec } from './vector-indexes.js';

/** The last part of the key of such a file. */
export const CODED_FILE_TYPE = 'HNSW_SQ_CODES';

/** Records are rows, also those without a vector, which hold zeros. */
export const codedLayout = (rowCount: number, rowBytes: number): DiskLayout =>
  diskLayout(rowCount, 0, rowBytes);

/** @param crc32 the platform's; the file is written while `source` is still there */
export async function buildCodedIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: VectorIndexSpec,
  source: SourceVectors<Region>,
  crc32: Crc32,
  options: BuildOptions = {},
): Promise<DiskFile> {
  const block = await buildVectorIndex(workers, spec, source, options);
  return pagedFile(
    block,
    codedLayout(spec.rowCount, vectorBytes(spec.elementType, spec.dim)),
    { source },
    crc32,
  );
}

export interface CodedIndexParts {
  readonly layout: DiskLayout;
  readonly metric: MetricType;
  readonly elementType: ElementType;
}

/**
 * What the file of a loaded block is, checked against its head.
 * @throws data_corrupt, naming `what`: build it again
 */
export function codedParts({ placement }: SearchableIndex, head: DiskHead, what: string): CodedIndexParts {
  const { metric, rowCount, dim, indexType, params, sections } = placement;
  const corrupt = (fact: string): Error => diskCorrupt(what, fact);
  if (indexType !== 'HNSW_SQ') throw corrupt(`index type ${indexType}, expected HNSW_SQ`);
  const elementType = elementTypes.find((one) => one === placement.elementType);
  if (elementType === undefined || elementType === 'binary')
    throw corrupt(`vectors of ${placement.elementType}`);
  if (!isMetricType(metric)) throw corrupt(`metric ${metric}`);
  if (params.hasRows === true && sections.nodeOf === undefined) throw corrupt('no map from rows to nodes');
  const layout = codedLayout(rowCount, vectorBytes(elementType, dim));
  if (layout.pageBytes !== head.pageBytes || layout.pages !== head.pages) {
    throw corrupt(
      `${head.pages} pages of ${head.pageBytes} bytes, expected ${layout.pages} of ${layout.pageBytes}`,
    );
  }
  return { layout, metric, elementType };
}
