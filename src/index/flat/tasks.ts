// Tasks of exact search that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { flatIds } from './flat-ids.js';
import { flatSearch } from './flat-search.js';
import { inverseNorms } from './inverse-norms.js';
import { maxSim } from './max-sim.js';
import { owedNorms } from './owed-norms.js';

export const flatTasks = { flatIds, flatSearch, inverseNorms, maxSim, owedNorms };
