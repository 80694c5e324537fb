// Tasks of sparse vectors that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { bm25IndexStatistics, bm25RowStatistics } from './bm25-statistics.js';
import { sparseBuild } from './sparse-index.js';
import { sparseScan } from './sparse-scan.js';
import { sparseSearch } from './sparse-search.js';

export const sparseTasks = { bm25IndexStatistics, bm25RowStatistics, sparseBuild, sparseScan, sparseSearch };
