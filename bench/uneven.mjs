// What do indexes find of uneven data: rows far longer than others, dims of different scale, copies, clusters one after the other? Recall@10
// beside an exact search for each family of test/support/uneven-data.ts and each type of index, and that of hnswlib-node with the same M,
// efConstruction and ef. Rows at equal distances count alike. One thread, and everything is counted, so a busy machine does not matter.
// Run on a built tree with Node 24: node bench/uneven.mjs [--rows 5000] [--queries 50] [--metric L2] [--families 'even;tiny'] [--types 'HNSW;QG']
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { readIndexBlock } from '../dist/index/block/index-block.js';
import { buildDiskIndex } from '../dist/index/disk/disk-build.js';
import { loadDiskIndex } from '../dist/index/disk/disk-index.js';
import { decodeDiskHead, SECTOR_BYTES } from '../dist/index/disk/disk-layout.js';
import { diskSearch } from '../dist/index/disk/disk-search.js';
import { flatSearch } from '../dist/index/flat/flat-search.js';
import { VectorStore } from '../dist/index/flat/vector-store.js';
import { GrowingGraph } from '../dist/index/graph/growing-graph.js';
import { graphCodesSearch } from '../dist/index/graph/search/graph-codes-search.js';
import { buildVectorIndex, loadVectorIndex } from '../dist/index/vector-indexes.js';
import { workerTasks } from '../dist/index/worker-tasks.js';
import { freshQueries, unevenFamilies } from '../test/support/uneven-data.ts';
import { loadRival } from './rivals.mjs';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000' },
    queries: { type: 'string', default: '50' },
    metric: { type: 'string', default: 'L2' },
    families: { type: 'string' },
    types: { type: 'string' },
  },
});

const K = 10;
const EF = 64;
const graph = { M: 16, efConstruction: 100 };
const lists = { nlist: 64 };
const refined = { refine: true, refineType: 'FP32' };
const types = {
  HNSW: { kind: 'HNSW', ...graph },
  'HNSW_SQ SQ8': { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refined },
  'HNSW_SQ SQ8 by codes': { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', refine: false, refineType: 'FP32' },
  'HNSW_SQ SQ4U': { kind: 'HNSW_SQ', ...graph, sqType: 'SQ4U', ...refined },
  QG: { kind: 'QG', ...graph, bits: 2 },
  HNSW_PQ: { kind: 'HNSW_PQ', ...graph, m: 4, nbits: 8, ...refined },
  HNSW_PRQ: { kind: 'HNSW_PRQ', ...graph, m: 4, nbits: 8, nrq: 2, ...refined },
  IVF_SQ8: { kind: 'IVF_SQ8', ...lists },
  IVF_PQ: { kind: 'IVF_PQ', ...lists, m: 4, nbits: 8 },
  IVF_RABITQ: { kind: 'IVF_RABITQ', ...lists, ...refined },
  SCANN: { kind: 'SCANN', ...lists, withRawData: true },
  DISKANN: 'disk',
  growing: 'growing',
};

const picked = (names, all) =>
  names === undefined ? all : all.filter((name) => names.split(';').includes(name));
const typeNames = picked(options.types, Object.keys(types));
const families = unevenFamilies.filter(({ name }) => picked(options.families, [name]).length > 0);
const { metric } = options;
const isLarger = metric !== 'L2';
const rival = loadRival('hnswlib-node', '3.0.0');
const workers = {
  parallelism: 1,
  allocate: (bytes, most) => {
    const pages = (count) => Math.ceil(count / 65536);
    return { memory: new WebAssembly.Memory({ initial: pages(bytes), maximum: pages(most), shared: true }) };
  },
  release: () => {},
  run: async (task, input, regions) =>
    workerTasks[task](structuredClone(input), { memories: regions.map(({ memory }) => memory), thread: 0 }),
};

console.log(
  `${options.rows} rows, ${options.queries} queries, ${metric}, recall@${K}; graphs M ${graph.M}, efConstruction ${graph.efConstruction}, ef ${EF}; lists ${lists.nlist}, all probed\n`,
);
console.log(
  `| family | hnswlib-node | ${typeNames.join(' | ')} |\n|---|---|${'---|'.repeat(typeNames.length)}`,
);
for (const family of families) {
  const cells = [];
  const world = worldOf(family);
  cells.push(rival === undefined ? '' : ofRival(world).toFixed(3));
  for (const name of typeNames) {
    const { share, built } = await measured(world, types[name]);
    cells.push(`${share.toFixed(3)}${built}`);
  }
  console.log(`| ${family.name} | ${cells.join(' | ')} |`);
}

function worldOf(family) {
  const { dim } = family;
  const values = family.make(Number(options.rows), 7);
  const rowCount = values.length / dim;
  const fresh = freshQueries(family, values, Number(options.queries));
  const storeOptions = { dim, elementType: 'float32', inverseNorms: true, blockRows: 8192 };
  const region = workers.allocate(VectorStore.bytesFor(rowCount, storeOptions) + 65536, 2 ** 31);
  const store = new VectorStore(region, storeOptions);
  store.append(new Uint8Array(values.buffer));
  const queries = Array.from({ length: fresh.length / dim }, (_, i) => fresh.slice(i * dim, (i + 1) * dim));
  const exact = (query, k) => {
    const input = {
      ...store.place,
      metric,
      queries: new Uint8Array(query.buffer),
      k,
      rowBegin: 0,
      rowEnd: rowCount,
    };
    return flatSearch(input, { memories: [region.memory], thread: 0 });
  };
  return {
    values,
    dim,
    rowCount,
    region,
    store,
    queries,
    truth: queries.map((query) => exact(query, K).scores),
  };
}

/** The share of places whose score is no worse than the last of the nearest. */
function shareNear(scores, truth) {
  const last = truth.at(-1);
  const bound = last + (isLarger ? -1 : 1) * Math.abs(last) * 1e-5;
  let found = 0;
  for (const score of scores) if (isLarger ? score >= bound : score <= bound) found++;
  return Math.min(1, found / truth.length);
}

function mean(shares) {
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function scoreOf(query, row, { values, dim }) {
  let [sum, own, other] = [0, 0, 0];
  for (let d = 0; d < dim; d++) {
    const [a, b] = [query[d], values[row * dim + d]];
    sum += metric === 'L2' ? (a - b) ** 2 : a * b;
    own += a * a;
    other += b * b;
  }
  return metric === 'COSINE' ? (own === 0 || other === 0 ? 0 : sum / Math.sqrt(own * other)) : sum;
}

function ofRival(world) {
  const index = new rival.HierarchicalNSW({ L2: 'l2', IP: 'ip', COSINE: 'cosine' }[metric], world.dim);
  index.initIndex(world.rowCount, graph.M, graph.efConstruction);
  for (let row = 0; row < world.rowCount; row++)
    index.addPoint(Array.from(world.values.subarray(row * world.dim, (row + 1) * world.dim)), row);
  index.setEf(EF);
  return mean(
    world.queries.map((query, i) => {
      const { neighbors } = index.searchKnn(Array.from(query), K);
      return shareNear(
        neighbors.map((row) => scoreOf(query, row, world)),
        world.truth[i],
      );
    }),
  );
}

async function measured(world, build) {
  const { find, built } = await (build === 'disk'
    ? disk(world)
    : build === 'growing'
      ? growing(world)
      : inMemory(world, build));
  const shares = [];
  for (const [i, query] of world.queries.entries()) {
    const { rows } = await find(query);
    shares.push(
      shareNear(
        Array.from(rows, (row) => scoreOf(query, row, world)),
        world.truth[i],
      ),
    );
  }
  return { share: mean(shares), built };
}

function codesOf(form) {
  return form === undefined ? '' : ` ${form}`;
}

async function inMemory({ dim, rowCount, region, store }, build) {
  const spec = { build, metric, elementType: 'float32', dim, rowCount };
  const block = await buildVectorIndex(workers, spec, { region, place: store.place });
  const index = loadVectorIndex(workers, block, 'bench');
  const isByCodes = build.kind === 'HNSW_SQ' && !build.refine;
  const find = (queries) => {
    const input = {
      index: index.placement,
      vectors: store.place,
      queries,
      k: K,
      params: { ef: EF, nprobe: lists.nlist },
    };
    const search = isByCodes ? graphCodesSearch : workerTasks[index.task];
    return search(input, {
      memories: isByCodes ? [index.region.memory] : [region.memory, index.region.memory],
      thread: 0,
    });
  };
  const { indexType, params } = readIndexBlock(block).meta;
  return { find, built: codesOf(params.form ?? (indexType === build.kind ? undefined : indexType)) };
}

async function disk({ dim, rowCount, region, store }) {
  const spec = {
    maxDegree: 32,
    searchListSize: 100,
    pqCodeBudgetRatio: 0.25,
    elementType: 'float32',
    metric,
    dim,
    rowCount,
  };
  const { parts, bytes } = await buildDiskIndex(workers, spec, { region, place: store.place }, crc32);
  const file = Buffer.concat(
    Array.from(parts, (part) => part.slice()),
    bytes,
  );
  const head = decodeDiskHead(file.slice(0, SECTOR_BYTES), 'bench', crc32);
  const index = loadDiskIndex(
    workers,
    head,
    new Uint8Array(file.subarray(SECTOR_BYTES, SECTOR_BYTES + head.blockBytes)),
    'bench',
  );
  const { pagesOffset, pageBytes } = head;
  const pages = {
    page: (number) =>
      new Uint8Array(file.subarray(pagesOffset + number * pageBytes, pagesOffset + (number + 1) * pageBytes)),
    yield: async () => {},
  };
  const find = (query) =>
    diskSearch(index, pages, workers, {
      queries: new Uint8Array(query.buffer),
      k: K,
      params: { searchList: EF },
    });
  return { find, built: codesOf(index.placement.params.form) };
}

async function growing({ dim, rowCount, region, store }) {
  const made = new GrowingGraph(workers, {
    metric,
    elementType: 'float32',
    dim,
    degree: graph.M,
    efConstruction: graph.efConstruction,
  });
  await made.advance({ region, place: store.place }, rowCount);
  const { placement, region: indexRegion } = made.index;
  const find = (queries) => {
    const input = { index: placement, vectors: store.place, queries, k: K, params: { ef: EF } };
    return workerTasks.graphSearch(input, { memories: [region.memory, indexRegion.memory], thread: 0 });
  };
  return { find, built: codesOf(placement.params.form) };
}
