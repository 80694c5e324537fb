// The registry as a thread loads it. What searches and builds of vectors need is there at once; filters, texts and models are three times as much code,
// which a thread reads when it is first asked for one of theirs.
import { vectorTasks } from './vector-tasks.js';
import type { workerTasks as allTasks } from './worker-tasks.js';

export const workerTasks = vectorTasks;

const filters = async () => (await import('#expr/tasks.js')).filterTasks;

/** By the name of the task, where it comes from. */
export const laterTasks = {
  checkLongFilter: filters,
  evaluateRows: filters,
  scalarBuild: async () => (await import('#index/scalar/tasks.js')).scalarTasks,
  runOfWords: async () => (await import('#text/tasks.js')).textTasks,
  embedTextsByOnnx: async () => (await import('#text/onnx-model/tasks.js')).onnxModelTasks,
  embedTexts: async () => (await import('#text/static-model/tasks.js')).staticModelTasks,
} satisfies Record<Exclude<keyof typeof allTasks, keyof typeof vectorTasks>, () => Promise<object>>;
