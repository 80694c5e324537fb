// Tasks of scalar indexes that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { scalarBuild } from './build-scalar-index.js';

export const scalarTasks = { scalarBuild };
