// Tasks of sparse vectors that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { sparseBuild } from './sparse-index.js';
import { sparseScan } from './sparse-scan.js';
import { sparseSearch } from './sparse-search.js';

export const sparseTasks = { sparseBuild, sparseScan, sparseSearch };
