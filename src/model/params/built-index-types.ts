// What of the table of index types this build can build and search. CreateIndex answers 3000 for the rest, so that nothing is
// accepted that would silently be something else. An alias (AISAQ, IVF_RABITQ_FASTSCAN, SPARSE_WAND) is there as soon as the type it is built as is.

import { type VectorType, vectorTypes } from '#model/schema/vector-type.js';
import type { IndexType } from './index-types.js';

export const builtIndexTypes: ReadonlySet<IndexType> = new Set<IndexType>([
  'FLAT',
  'HNSW',
  'HNSW_SQ',
  'HNSW_PQ',
  'HNSW_PRQ',
  'DISKANN',
  'IVF_FLAT',
  'IVF_SQ8',
  'IVF_PQ',
  'IVF_RABITQ',
  'SCANN',
  'QG',
  'BIN_IVF_FLAT',
  'BIN_FLAT',
  'AUTOINDEX',
  'SPARSE_INVERTED_INDEX',
  'MINHASH_LSH',
]);

export const builtVectorTypes: ReadonlySet<VectorType> = new Set<VectorType>(
  Object.keys(vectorTypes) as VectorType[],
);
