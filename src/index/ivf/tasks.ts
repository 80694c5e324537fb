// Tasks of inverted files that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { ivfAssign, ivfOrder, ivfResiduals, ivfSample } from './ivf-build-tasks.js';
import { ivfEncode } from './ivf-encode.js';
import { ivfSearch } from './ivf-search.js';

export const ivfTasks = { ivfAssign, ivfEncode, ivfOrder, ivfResiduals, ivfSample, ivfSearch };
