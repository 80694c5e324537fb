// The one registry of tasks that worker threads run by name: those of every room. Platforms below import it; its shape is theirs
// (`WorkerTask`), said here structurally because folders import only from earlier ones.
import { filterTasks } from '#expr/tasks.js';
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
import { scalarTasks } from '#index/scalar/tasks.js';
import { sparseTasks } from '#index/sparse/tasks.js';
import { staticModelTasks } from '#text/static-model/tasks.js';
import { textTasks } from '#text/tasks.js';
import { checkIndex } from './vector-indexes.js';

type Task = (
  input: never,
  context: {
    readonly memories: readonly WebAssembly.Memory[];
    readonly thread: number;
    readonly crc32?: (bytes: Uint8Array, seed?: number) => number;
    readonly loadPackage?: (name: string) => unknown;
  },
) => unknown;

export const workerTasks = {
  checkIndex,
  ...blockTasks,
  ...codebookTasks,
  ...diskTasks,
  ...filterTasks,
  ...flatTasks,
  ...graphBuildTasks,
  ...graphPqTasks,
  ...graphQgTasks,
  ...graphSearchTasks,
  ...ivfTasks,
  ...minhashTasks,
  ...scalarTasks,
  ...sparseTasks,
  ...textTasks,
  ...staticModelTasks,
} satisfies Record<string, Task>;
