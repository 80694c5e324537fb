// Tasks of blocks of vectors that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { vectorFloats } from './vector-floats.js';

export const blockTasks = { vectorFloats };
