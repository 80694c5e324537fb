// The one registry of tasks that worker threads run by name. Platforms below import it; its shape is theirs (`WorkerTask`),
// said here structurally because folders import only from earlier ones.
import { codeFit } from './code-fit.js';
import { diskScan } from './disk-scan.js';
import { flatIds } from './flat-ids.js';
import { flatSearch } from './flat-search.js';
import { graphCodesSearch } from './graph-codes-search.js';
import { graphCountLinks, graphMend } from './graph-mend.js';
import { graphOrder } from './graph-order.js';
import { graphPqEncode, graphPqSample } from './graph-pq-encode.js';
import { graphPqSearch } from './graph-pq-search.js';
import { graphSearch } from './graph-search.js';
import { graphEncode, graphFill, graphInsert, graphSample } from './graph-tasks.js';
import { inverseNorms } from './inverse-norms.js';
import { ivfAssign, ivfOrder, ivfResiduals, ivfSample } from './ivf-build-tasks.js';
import { ivfEncode } from './ivf-encode.js';
import { ivfSearch } from './ivf-search.js';
import { kmeansAssign, kmeansMeasure, kmeansSolve, kmeansStart, kmeansUpdate } from './kmeans-tasks.js';
import { minhashBuild } from './minhash-index.js';
import { minhashScan, minhashSearch } from './minhash-search.js';
import { pqRest } from './pq-train.js';
import { qgEncode } from './qg-encode.js';
import { qgSearch } from './qg-search.js';
import { rowCopies } from './row-copies.js';
import { sparseBuild } from './sparse-index.js';
import { sparseScan } from './sparse-scan.js';
import { sparseSearch } from './sparse-search.js';
import { vectorFloats } from './vector-floats.js';
import { checkIndex } from './vector-indexes.js';

type Task = (input: never, context: { readonly memories: readonly WebAssembly.Memory[]; readonly thread: number }) => unknown;

export const workerTasks = {
  checkIndex,
  codeFit,
  diskScan,
  graphCodesSearch,
  graphCountLinks,
  graphEncode,
  graphInsert,
  graphFill,
  graphMend,
  graphOrder,
  graphPqEncode,
  graphPqSample,
  graphPqSearch,
  graphSample,
  graphSearch,
  flatIds,
  flatSearch,
  inverseNorms,
  ivfAssign,
  ivfEncode,
  ivfOrder,
  ivfResiduals,
  ivfSample,
  ivfSearch,
  kmeansAssign,
  kmeansMeasure,
  kmeansSolve,
  kmeansStart,
  kmeansUpdate,
  pqRest,
  qgEncode,
  qgSearch,
  rowCopies,
  minhashBuild,
  minhashScan,
  minhashSearch,
  sparseBuild,
  sparseScan,
  sparseSearch,
  vectorFloats,
} satisfies Record<string, Task>;
export type WorkerTaskName = keyof typeof workerTasks;
