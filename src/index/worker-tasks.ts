// The one registry of tasks that worker threads run by name. Platforms below import it; its shape is theirs (`WorkerTask`),
// said here structurally because folders import only from earlier ones.

import { vectorFloats } from '#index/block/vector-floats.js';
import {
  kmeansAssign,
  kmeansMeasure,
  kmeansSolve,
  kmeansStart,
  kmeansUpdate,
} from '#index/codebook/kmeans-tasks.js';
import { pqRest } from '#index/codebook/pq-train.js';
import { diskScan } from '#index/disk/disk-scan.js';
import { flatIds } from '#index/flat/flat-ids.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { inverseNorms } from '#index/flat/inverse-norms.js';
import { codeFit } from '#index/graph/build/code-fit.js';
import { graphCountLinks, graphMend } from '#index/graph/build/graph-mend.js';
import { graphOrder } from '#index/graph/build/graph-order.js';
import { graphEncode, graphFill, graphInsert, graphSample } from '#index/graph/build/graph-tasks.js';
import { rowCopies } from '#index/graph/build/row-copies.js';
import { graphPqEncode, graphPqSample } from '#index/graph/pq/graph-pq-encode.js';
import { graphPqSearch } from '#index/graph/pq/graph-pq-search.js';
import { qgEncode } from '#index/graph/qg/qg-encode.js';
import { qgSearch } from '#index/graph/qg/qg-search.js';
import { graphCodesSearch } from '#index/graph/search/graph-codes-search.js';
import { graphSearch } from '#index/graph/search/graph-search.js';
import { ivfAssign, ivfOrder, ivfResiduals, ivfSample } from '#index/ivf/ivf-build-tasks.js';
import { ivfEncode } from '#index/ivf/ivf-encode.js';
import { ivfSearch } from '#index/ivf/ivf-search.js';
import { minhashBuild } from '#index/minhash/minhash-index.js';
import { minhashScan, minhashSearch } from '#index/minhash/minhash-search.js';
import { sparseBuild } from '#index/sparse/sparse-index.js';
import { sparseScan } from '#index/sparse/sparse-scan.js';
import { sparseSearch } from '#index/sparse/sparse-search.js';
import { checkIndex } from './vector-indexes.js';

type Task = (
  input: never,
  context: { readonly memories: readonly WebAssembly.Memory[]; readonly thread: number },
) => unknown;

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
