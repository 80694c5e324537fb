// Tasks over vectors and their indexes that worker threads run by name: those of every room of this folder but scalars. A thread has them from its beginning
// (`thread-tasks.ts`).
import { blockTasks } from '#index/block/tasks.js';
import { codebookTasks } from '#index/codebook/tasks.js';
import { diskTasks } from '#index/disk/tasks.js';
import { flatTasks } from '#index/flat/tasks.js';
import { graphBuildTasks } from '#index/graph/build/tasks.js';
import { graphPqTasks } from '#index/graph/pq/tasks.js';
import { graphQgTasks } from '#index/graph/qg/tasks.js';
import { graphSearchTasks } from '#index/graph/search/tasks.js';
import { ivfTasks } from '#index/ivf/tasks.js';
import { minhashTasks } from '#index/minhash/tasks.js';
import { sparseTasks } from '#index/sparse/tasks.js';
import { checkIndex } from './vector-indexes.js';

export const vectorTasks = {
  checkIndex,
  ...blockTasks,
  ...codebookTasks,
  ...diskTasks,
  ...flatTasks,
  ...graphBuildTasks,
  ...graphPqTasks,
  ...graphQgTasks,
  ...graphSearchTasks,
  ...ivfTasks,
  ...minhashTasks,
  ...sparseTasks,
};
