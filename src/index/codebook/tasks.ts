// Tasks of codebooks that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { kmeansAssign, kmeansMeasure, kmeansSolve, kmeansStart, kmeansUpdate } from './kmeans-tasks.js';
import { pqRest } from './pq-train.js';

export const codebookTasks = { kmeansAssign, kmeansMeasure, kmeansSolve, kmeansStart, kmeansUpdate, pqRest };
