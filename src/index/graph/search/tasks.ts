// Tasks of searches in graphs that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { graphCodesSearch } from './graph-codes-search.js';
import { graphSearch } from './graph-search.js';

export const graphSearchTasks = { graphCodesSearch, graphSearch };
