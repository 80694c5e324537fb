// Tasks of disk indexes that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { diskScan } from './disk-scan.js';

export const diskTasks = { diskScan };
