// Tasks of quantized graphs that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { qgEncode } from './qg-encode.js';
import { qgSearch } from './qg-search.js';

export const graphQgTasks = { qgEncode, qgSearch };
