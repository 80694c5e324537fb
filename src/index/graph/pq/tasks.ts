// Tasks of graphs by product codes that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { graphPqEncode, graphPqSample } from './graph-pq-encode.js';
import { graphPqSearch } from './graph-pq-search.js';

export const graphPqTasks = { graphPqEncode, graphPqSample, graphPqSearch };
