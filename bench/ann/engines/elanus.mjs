// Our index types, searched in process the way a query node does it: the exact float32 vectors of a segment in one shared memory, the
// index in another, one call per query on this thread.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { flatIds } from '../../../dist/index/flat-ids.js';
import { flatSearch } from '../../../dist/index/flat-search.js';
import { buildGraph } from '../../../dist/index/graph-build.js';
import { graphParams, workLayout } from '../../../dist/index/graph-layout.js';
import { graphSearch } from '../../../dist/index/graph-search.js';
import { decodeIndexBlock } from '../../../dist/index/index-block.js';
import { DATA_OFFSET, WASM_PAGE_BYTES } from '../../../dist/index/region-layout.js';
import { placeIndex } from '../../../dist/index/vector-index.js';
import { NodeWorkers } from '../../../dist/platform/node/node-workers.js';
import { filterWidths, graphParameters, graphWidths } from '../parameters.mjs';

const dist = new URL('../../../dist/index/', import.meta.url);
/** Of the code that decides what a built index looks like: a change of it builds anew. */
function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(new URL(file, dist)));
  return hash.digest('hex').slice(0, 8);
}
/** The rows of the set, and their inverse norms, in a memory of their own. */
function placeRows(workers, { base, rows, dim }) {
  const normsAt = DATA_OFFSET + base.byteLength;
  const bytes = Math.ceil((normsAt + rows * 4) / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
  const region = workers.allocate(bytes, bytes);
  new Float32Array(region.memory.buffer, DATA_OFFSET, base.length).set(base);
  const norms = new Float32Array(region.memory.buffer, normsAt, rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += base[i] * base[i];
    norms[row] = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  }
  return { region, place: { dim, vectorsOffset: DATA_OFFSET, inverseNormsOffset: normsAt }, bytes: rows * (dim + 1) * 4 };
}

/** HNSW steered by codes of `form`, candidates scored again with the exact vectors. */
function graph(name, form, isExtra = false) {
  return {
    name: `elanus ${name}`,
    isExtra,
    ours: true,
    version: hashOf(['graph-build.js', 'graph-tasks.js', 'graph-codes.js', 'index-block.js']),
    parameters: { ...graphParameters, form },
    needsRows: true,
    isInstalled: () => true,
    buildThreads: [1, 2],
    widthName: 'ef',
    widths: graphWidths,
    filterWidths,
    async build(set, { file, threads, timed }) {
      const { metric, dim, rows } = set;
      const workers = new NodeWorkers({ parallelism: threads });
      const source = placeRows(workers, set);
      const spec = {
        ...{ indexType: 'HNSW', metric, elementType: 'float32', dim, rowCount: rows, form, params: {}, threads },
        ...{ degree: graphParameters.M, efConstruction: graphParameters.efConstruction },
      };
      const block = await timed(() => buildGraph(workers, spec, source));
      writeFileSync(file, block);
      await workers.close();
    },
    open(set, { file }) {
      const workers = new NodeWorkers();
      const block = decodeIndexBlock(readFileSync(file));
      const rows = placeRows(workers, set);
      const { nodes, degree } = graphParams(block.meta);
      const { region, placement, bytes } = placeIndex(workers, block, workLayout(nodes, set.dim, degree).bytes, 1);
      const context = { memories: [rows.region.memory, region.memory], thread: 0 };
      const input = { index: placement, vectors: rows.place };
      return {
        bytes: rows.bytes + bytes,
        search: (query, k, ef) => graphSearch({ ...input, queries: query, k, params: { ef } }, context).rows,
        filtered: (query, k, ef, { excluded, count }) =>
          graphSearch({ ...input, queries: query, k, params: { ef }, excluded, passing: count }, context).rows,
      };
    },
  };
}
/** No index: every row is scored; of a filter, the rows that pass. */
const flat = {
  name: 'elanus FLAT',
  ours: true,
  version: hashOf(['flat-search.js']),
  parameters: {},
  needsRows: true,
  isInstalled: () => true,
  buildThreads: [],
  widthName: 'exact',
  widths: [0],
  open(set) {
    const { region, place, bytes } = placeRows(new NodeWorkers(), set);
    const context = { memories: [region.memory], thread: 0 };
    const input = { ...place, metric: set.metric, elementType: 'float32' };
    let listed;
    return {
      bytes,
      search: (query, k) => flatSearch({ ...input, rowBegin: 0, rowEnd: set.rows, queries: query, k }, context).rows,
      /** Scan the survivors: their row numbers are known, as a filter leaves them. */
      filtered(query, k, _width, filter) {
        if (listed?.filter !== filter) {
          const ids = new Uint32Array(filter.count);
          let at = 0;
          for (let row = 0; row < set.rows; row++) if (filter.passing[row >> 3] & (1 << (row & 7))) ids[at++] = row;
          listed = { filter, ids };
        }
        return flatIds({ ...input, ids: listed.ids, queries: query, k }, context).rows;
      },
    };
  },
};

export const engines = [
  graph('HNSW', 'FP32'),
  graph('HNSW_SQ8', 'SQ8'),
  graph('HNSW_SQ6', 'SQ6', true),
  graph('HNSW_SQ4', 'SQ4'),
  graph('HNSW_FP16', 'FP16', true),
  graph('HNSW_BF16', 'BF16', true),
  flat,
];
