// Our index types, searched in process the way a query node does it: the exact float32 vectors of a segment in one shared memory, the
// index in another, the task of the index called on this thread, one query a call. "Codes only" is HNSW_SQ without refine, as a server has
// it: no vectors in memory.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DATA_OFFSET, WASM_PAGE_BYTES } from '../../../dist/index/block/region-layout.js';
import { flatIds } from '../../../dist/index/flat/flat-ids.js';
import { flatSearch } from '../../../dist/index/flat/flat-search.js';
import {
  buildVectorIndex,
  CODES_SEARCH_TASK,
  hasBlock,
  loadVectorIndex,
} from '../../../dist/index/vector-indexes.js';
import { workerTasks } from '../../../dist/index/worker-tasks.js';
import { NodeWorkers } from '../../../dist/platform/node/node-workers.js';
import { filterWidths, graphParameters, graphWidths } from '../parameters.mjs';

const compiled = new URL('../../../dist/index/', import.meta.url);
/** Hash of the code that makes such an index: when it changes, indexes kept from earlier runs are built anew. */
function hashOf(pattern) {
  const hash = createHash('sha256');
  const names = readdirSync(compiled, { recursive: true }).filter(
    (name) => pattern.test(name) && /\.js$/.test(name) && !/search/.test(name),
  );
  for (const name of names.sort()) hash.update(readFileSync(new URL(name, compiled)));
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
  const place = { dim, elementType: 'float32', vectorsOffset: DATA_OFFSET, inverseNormsOffset: normsAt };
  return { region, place, bytes: rows * (dim + 1) * 4 };
}

/** m of product codes follows from the dims of the set. */
const buildFor = ({ dimsPerPart, ...build }, dim) =>
  dimsPerPart === undefined ? build : { ...build, m: dim / dimsPerPart };

function indexed(name, build, { widthName, widths, filterWidths: forFilters, made, isExtra = false }) {
  const { kind, ...parameters } = build;
  return {
    name: `elanus ${name}`,
    ours: true,
    version: hashOf(made),
    parameters,
    needsRows: true,
    isExtra,
    isInstalled: () => hasBlock(kind),
    buildThreads: [1, 2],
    widthName,
    widths,
    filterWidths: forFilters,
    async build(set, { file, threads, timed }) {
      const { metric, dim, rows } = set;
      const workers = new NodeWorkers({ parallelism: threads });
      const source = placeRows(workers, set);
      set.base = undefined;
      const spec = {
        build: buildFor(build, dim),
        metric,
        elementType: 'float32',
        dim,
        rowCount: rows,
        threads,
      };
      writeFileSync(file, await timed(() => buildVectorIndex(workers, spec, source)));
      await workers.close();
    },
    open(set, { file }) {
      const workers = new NodeWorkers();
      const vectors = placeRows(workers, set);
      const { region, placement, bytes, task } = loadVectorIndex(
        workers,
        new Uint8Array(readFileSync(file)),
        file,
        1,
      );
      const context = { memories: [vectors.region.memory, region.memory], thread: 0 };
      const search = (queries, k, width, filter) =>
        workerTasks[task](
          { index: placement, vectors: vectors.place, queries, k, params: { [widthName]: width }, ...filter },
          context,
        ).rows;
      return {
        bytes: vectors.bytes + bytes,
        search: (query, k, width) => search(query, k, width),
        filtered: (query, k, width, { excluded, count }) =>
          search(query, k, width, { excluded, passing: count }),
      };
    },
  };
}

/** Its bytes are codes, graph and the working memory of the one thread that searches. */
function coded(name, build, isExtra) {
  const engine = graph(name, build, isExtra);
  return {
    ...engine,
    needsRows: false,
    open(_set, { file }) {
      const { region, placement, bytes } = loadVectorIndex(
        new NodeWorkers(),
        new Uint8Array(readFileSync(file)),
        file,
        0,
      );
      const context = { memories: [region.memory], thread: 0 };
      const search = (queries, k, ef, filter) =>
        workerTasks[CODES_SEARCH_TASK]({ index: placement, queries, k, params: { ef }, ...filter }, context)
          .rows;
      return {
        bytes,
        search: (query, k, width) => search(query, k, width),
        filtered: (query, k, width, { excluded, count }) =>
          search(query, k, width, { excluded, passing: count }),
      };
    },
  };
}

const graph = (name, build, isExtra) =>
  indexed(name, build, {
    widthName: 'ef',
    widths: graphWidths,
    filterWidths,
    made: /^graph|^gen.graph|^vector-indexes/,
    isExtra,
  });
const product = (name, build) =>
  indexed(name, build, {
    widthName: 'ef',
    widths: graphWidths,
    filterWidths,
    ...{ made: /^graph|^gen.(graph|ivf)|^pq|^kmeans|^vector-indexes/, isExtra: true },
  });
const ivf = (name, build, isExtra) =>
  indexed(name, build, {
    widthName: 'nprobe',
    widths: [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256],
    filterWidths: [8, 16, 32, 64, 128],
    ...{ made: /^ivf|^gen.ivf|^kmeans|^pq|^vector-indexes/, isExtra },
  });

/** No index: every row is scored; of a filter, the rows that pass. */
const flat = {
  name: 'elanus FLAT',
  ours: true,
  version: 'exact',
  parameters: {},
  needsRows: true,
  isInstalled: () => true,
  buildThreads: [],
  widthName: 'exact',
  widths: [0],
  open(set) {
    const { region, place, bytes } = placeRows(new NodeWorkers(), set);
    const context = { memories: [region.memory], thread: 0 };
    const input = { ...place, metric: set.metric };
    let listed;
    return {
      bytes,
      search: (query, k) =>
        flatSearch({ ...input, rowBegin: 0, rowEnd: set.rows, queries: query, k }, context).rows,
      /** Scan the survivors: their row numbers are known, as a filter leaves them. */
      filtered(query, k, _width, filter) {
        if (listed?.filter !== filter) {
          const ids = new Uint32Array(filter.count);
          let at = 0;
          for (let row = 0; row < set.rows; row++)
            if (filter.passing[row >> 3] & (1 << (row & 7))) ids[at++] = row;
          listed = { filter, ids };
        }
        return flatIds({ ...input, ids: listed.ids, queries: query, k }, context).rows;
      },
    };
  },
};

const nlist = 1024;
const refine = { refine: true, refineType: 'FP32' };
const unrefined = { refine: false, refineType: 'FP32' };
export const engines = [
  graph('HNSW', { kind: 'HNSW', ...graphParameters }),
  graph('HNSW_SQ8', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'SQ8', ...refine }),
  graph('HNSW_SQ6', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'SQ6', ...refine }, true),
  graph('HNSW_SQ4U', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'SQ4U', ...refine }, true),
  graph('HNSW_FP16', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'FP16', ...refine }, true),
  graph('HNSW_BF16', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'BF16', ...refine }, true),
  coded('HNSW_SQ8 codes only', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'SQ8', ...unrefined }),
  coded('HNSW_SQ6 codes only', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'SQ6', ...unrefined }, true),
  coded('HNSW_SQ4U codes only', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'SQ4U', ...unrefined }, true),
  coded('HNSW_FP16 codes only', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'FP16', ...unrefined }, true),
  coded('HNSW_BF16 codes only', { kind: 'HNSW_SQ', ...graphParameters, sqType: 'BF16', ...unrefined }, true),
  indexed(
    'QG',
    { kind: 'QG', ...graphParameters, bits: 1 },
    { widthName: 'ef', widths: graphWidths, filterWidths, made: /^qg|^graph|^gen.(qg|graph)/ },
  ),
  indexed(
    'QG2',
    { kind: 'QG', ...graphParameters, bits: 2 },
    { widthName: 'ef', widths: graphWidths, filterWidths, made: /^qg|^graph|^gen.(qg|graph)/ },
  ),
  product('HNSW_PQ', { kind: 'HNSW_PQ', ...graphParameters, dimsPerPart: 4, nbits: 8, ...refine }),
  product('HNSW_PRQ', { kind: 'HNSW_PRQ', ...graphParameters, dimsPerPart: 4, nrq: 2, nbits: 8, ...refine }),
  ivf('IVF_FLAT', { kind: 'IVF_FLAT', nlist }),
  ivf('IVF_SQ8', { kind: 'IVF_SQ8', nlist }, true),
  ivf('IVF_PQ', { kind: 'IVF_PQ', nlist, m: 32, nbits: 8 }, true),
  ivf('IVF_RABITQ', { kind: 'IVF_RABITQ', nlist, refine: true, refineType: 'FP32' }, true),
  ivf('SCANN', { kind: 'SCANN', nlist, withRawData: true }, true),
  flat,
];
