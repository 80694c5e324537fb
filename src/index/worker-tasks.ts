// The one registry of tasks that worker threads run by name: those of every room. Platforms below import it; its shape is theirs
// (`WorkerTask`), said here structurally because folders import only from earlier ones.
import { filterTasks } from '#expr/tasks.js';
import { scalarTasks } from '#index/scalar/tasks.js';
import { onnxModelTasks } from '#text/onnx-model/tasks.js';
import { staticModelTasks } from '#text/static-model/tasks.js';
import { textTasks } from '#text/tasks.js';
import { vectorTasks } from './vector-tasks.js';

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
  ...vectorTasks,
  ...filterTasks,
  ...scalarTasks,
  ...textTasks,
  ...staticModelTasks,
  ...onnxModelTasks,
} satisfies Record<string, Task>;
