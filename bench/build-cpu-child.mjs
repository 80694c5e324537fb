// The process of one checkout for build-cpu.mjs: makes indexes from its `dist/` and searches them on request. Checkouts may differ
// in where their files lie, so what is needed is found by the name under which it is exported.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const K = 10;
const QUERIES = 2000;
const RECALL = 0.95;
const graph = { M: 16, efConstruction: 200 };
const builds = {
  HNSW: { kind: 'HNSW', ...graph },
  HNSW_SQ8: { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', refine: true, refineType: 'FP32' },
  IVF_SQ8: { kind: 'IVF_SQ8', nlist: 256 },
};
const diskBuild = { maxDegree: 56, searchListSize: 100, pqCodeBudgetRatio: 0.125 };

const root = process.argv[2];
async function exported(folder, name) {
  const within = join(root, 'dist', folder);
  const pattern = new RegExp(`^export (async )?(function|const|class) ${name}\\b`, 'm');
  const isOf = (file) => file.endsWith('.js') && pattern.test(readFileSync(join(within, file), 'utf8'));
  const file = readdirSync(within, { recursive: true }).find(isOf);
  if (file === undefined) throw new Error(`${within} exports no ${name}`);
  return (await import(pathToFileURL(join(within, file)).href))[name];
}
const seededRandom = await exported('base', 'seededRandom');
const nextFloat = await exported('base', 'nextFloat');
const DATA_OFFSET = await exported('index', 'DATA_OFFSET');
const VectorStore = await exported('index', 'VectorStore');
const roundUpBlockRows = await exported('index', 'roundUpBlockRows');
const flatSearch = await exported('index', 'flatSearch');
const buildVectorIndex = await exported('index', 'buildVectorIndex');
const loadVectorIndex = await exported('index', 'loadVectorIndex');
// A module that a thread begins with is a bundle of its own, which this file stands for.
const { workerTasks } = await import(pathToFileURL(join(root, 'dist/index/worker-tasks.js')).href);
const buildDiskIndex = await exported('index', 'buildDiskIndex');
const loadDiskIndex = await exported('index', 'loadDiskIndex');
const decodeDiskHead = await exported('index', 'decodeDiskHead');
const SECTOR_BYTES = await exported('index', 'SECTOR_BYTES');
const diskSearch = await exported('index', 'diskSearch');
const NodeWorkers = await exported('platform/node', 'NodeWorkers');
const NodeFiles = await exported('platform/node', 'NodeFiles');
const crc32 = await exported('platform/node', 'crc32');
const nodeTimers = await exported('platform/node', 'nodeTimers');
const FileObjectStore = await exported('platform', 'FileObjectStore');
/** Older checkouts have it by another name. */
const TextMetrics = await exported('platform', 'TextMetrics').catch(() =>
  exported('platform', 'MemoryMetrics'),
);
const PageCache = await exported('segment', 'PageCache');

/** Gaussian clusters whose variance falls with the dimension. */
function makeVectors(rows, dim) {
  const random = seededRandom(1);
  const gauss = () =>
    Math.sqrt(-2 * Math.log(nextFloat(random) + 1e-12)) * Math.cos(2 * Math.PI * nextFloat(random));
  const spread = Float32Array.from({ length: dim }, (_, d) => 1 / Math.sqrt(1 + d / 32));
  const clusters = Math.ceil(rows / 100);
  const centres = Float32Array.from({ length: clusters * dim }, gauss);
  const vectors = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const from = Math.floor(nextFloat(random) * clusters) * dim;
    for (let d = 0; d < dim; d++) vectors[row * dim + d] = (centres[from + d] + gauss()) * spread[d];
  }
  return vectors;
}
const workers = new NodeWorkers();
const folder = await mkdtemp(join(tmpdir(), 'elanus-build-cpu-'));
const files = new NodeFiles(folder);
const objectStore = new FileObjectStore(files, 'objects');
const sets = new Map();
function setOf({ rows, dim }) {
  const name = `${rows} x ${dim}`;
  const known = sets.get(name);
  if (known !== undefined) return known;
  const all = makeVectors(rows + QUERIES, dim);
  const region = workers.allocate(DATA_OFFSET, 65535 * 65536);
  const store = new VectorStore(region, { dim, inverseNorms: false, blockRows: roundUpBlockRows(rows) });
  store.append(new Uint8Array(all.buffer, 0, rows * dim * 4));
  const queries = Array.from({ length: QUERIES }, (_, at) =>
    all.slice((rows + at) * dim, (rows + at + 1) * dim),
  );
  const set = { rows, dim, region, place: store.place, queries };
  sets.set(name, set);
  return set;
}
async function build(index, set) {
  const spec = { metric: 'L2', elementType: 'float32', dim: set.dim, rowCount: set.rows, threads: 1 };
  if (index === 'DISKANN')
    return (await buildDiskIndex(workers, { ...spec, ...diskBuild }, set, crc32)).parts;
  return buildVectorIndex(workers, { ...spec, build: builds[index] }, set);
}
async function openIndex(index, set) {
  const made = await build(index, set);
  if (index !== 'DISKANN') {
    const { region, placement, task } = loadVectorIndex(workers, made, index, 1);
    const context = { memories: [set.region.memory, region.memory], thread: 0 };
    return (query, width) =>
      workerTasks[task](
        { index: placement, vectors: set.place, queries: query, k: K, params: { ef: width } },
        context,
      ).rows;
  }
  await objectStore.put(index, made);
  const head = decodeDiskHead(await objectStore.getRange(index, 0, SECTOR_BYTES), index, crc32);
  const disk = loadDiskIndex(
    workers,
    head,
    await objectStore.getRange(index, SECTOR_BYTES, SECTOR_BYTES + head.blockBytes),
    index,
  );
  const metrics = new TextMetrics();
  const pages = new PageCache({ objectStore, timers: nodeTimers, metrics, crc32 }, 1 << 30).open(index, head);
  return async (query, width) =>
    (await diskSearch(disk, pages, workers, { queries: query, k: K, params: { searchList: width } })).rows;
}
/** An index and the two widths between which it has the recall. */
async function prepareSearch({ index }, set) {
  const search = await openIndex(index, set);
  const context = { memories: [set.region.memory], thread: 0 };
  const input = { metric: 'L2', k: K, rowBegin: 0, rowEnd: set.rows, ...set.place };
  const truth = set.queries.map((queries) => new Set(flatSearch({ ...input, queries }, context).rows));
  const recallAt = async (width) => {
    let found = 0;
    for (const [at, query] of set.queries.entries())
      for (const row of await search(query, width)) if (truth[at].has(row)) found++;
    return found / (QUERIES * K);
  };
  let [below, width, above] = [0, K, await recallAt(K)];
  while (above < RECALL && width < 2000) {
    below = above;
    above = await recallAt(++width);
  }
  const share = width === K ? 1 : (RECALL - below) / (above - below);
  // Wide and narrow queries mixed evenly.
  const widths = set.queries.map((_, at) =>
    Math.floor((at + 1) * share) > Math.floor(at * share) ? width : width - 1,
  );
  return { search, widths, fact: `width ${(width - 1 + share).toFixed(2)}` };
}
let prepared;
const actions = {
  build: {
    prepare: (_one, _set) => '',
    async turn({ index }, set) {
      const since = process.cpuUsage();
      await build(index, set);
      const { user, system } = process.cpuUsage(since);
      return user + system;
    },
  },
  search: {
    async prepare(one, set) {
      prepared = await prepareSearch(one, set);
      return prepared.fact;
    },
    async turn(_one, { queries }) {
      const { search, widths } = prepared;
      const since = process.cpuUsage();
      for (const [at, query] of queries.entries()) await search(query, widths[at]);
      const { user, system } = process.cpuUsage(since);
      return (user + system) / QUERIES;
    },
  },
};
process.on('message', async (one) => {
  const act = actions[one.act][one.step];
  process.send(await act(one, setOf(one)));
});
process.on('disconnect', async () => {
  await workers.close();
  await files.close();
  await rm(folder, { recursive: true, force: true });
});
