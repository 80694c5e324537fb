// Tasks of MinHash signatures that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { minhashBuild } from './minhash-index.js';
import { minhashScan, minhashSearch } from './minhash-search.js';

export const minhashTasks = { minhashBuild, minhashScan, minhashSearch };
