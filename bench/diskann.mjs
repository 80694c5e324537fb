// A disk index beside HNSW in memory over the same vectors, in one run: queries at recall .95 a CPU second (reads by the system included)
// and a second of the clock, one at a time and 16 at a time, with an empty cache, with a cache of a tenth of the file, and with all pages cached; and the memory each takes.
// "Empty" means ours: the system's own page cache holds the file that was just written. The HNSW walk runs on the calling thread, as the
// disk walk does, so that both pay no hand-over to another thread.
// Run on a built tree: node bench/diskann.mjs [--quick] [--dim=128] [--rows=200000] [--metric=L2] [--degree=56]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nextBelow, nextFloat, seededRandom } from '../dist/base/random.js';
import { DATA_OFFSET } from '../dist/index/block/region-layout.js';
import { buildDiskIndex } from '../dist/index/disk/disk-build.js';
import { loadDiskIndex } from '../dist/index/disk/disk-index.js';
import { decodeDiskHead, fileBytesOf, SECTOR_BYTES } from '../dist/index/disk/disk-layout.js';
import { diskSearch } from '../dist/index/disk/disk-search.js';
import { flatSearch } from '../dist/index/flat/flat-search.js';
import { roundUpBlockRows, VectorStore } from '../dist/index/flat/vector-store.js';
import { graphSearch } from '../dist/index/graph/search/graph-search.js';
import { buildVectorIndex, loadVectorIndex } from '../dist/index/vector-indexes.js';
import { FileObjectStore } from '../dist/platform/file-object-store.js';
import { NodeFiles } from '../dist/platform/node/files/node-files.js';
import { crc32 } from '../dist/platform/node/node-platform.js';
import { nodeTimers } from '../dist/platform/node/node-time.js';
import { NodeWorkers } from '../dist/platform/node/node-workers.js';
import { TextMetrics } from '../dist/platform/text-metrics.js';
import { PageCache } from '../dist/segment/files/page-cache.js';

const K = 10;
const QUERIES = 500;
const RECALL = 0.95;
const MiB = 1 << 20;
const option = (name, usual) =>
  process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? usual;

/** Gaussian clusters within larger ones, variances falling with the dimension. */
function makeVectors(rows, dim, random) {
  const gauss = () =>
    Math.sqrt(-2 * Math.log(nextFloat(random) + 1e-12)) * Math.cos(2 * Math.PI * nextFloat(random));
  const spectrum = Float32Array.from({ length: dim }, (_, d) => 1 / Math.sqrt(1 + d / 8));
  const superCentres = Float32Array.from({ length: 32 * dim }, gauss);
  const centres = new Float32Array(2000 * dim);
  for (let c = 0; c < 2000; c++) {
    const from = nextBelow(random, 32) * dim;
    for (let d = 0; d < dim; d++) centres[c * dim + d] = (superCentres[from + d] + gauss()) * spectrum[d];
  }
  const vectors = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const from = nextBelow(random, 2000) * dim;
    for (let d = 0; d < dim; d++) vectors[i * dim + d] = centres[from + d] + 0.9 * gauss() * spectrum[d];
  }
  return vectors;
}

export async function run({ quick = false } = {}) {
  const dim = Number(option('dim', 128));
  const rows = Number(option('rows', quick ? 30_000 : 200_000));
  const metric = option('metric', 'L2');
  const maxDegree = Number(option('degree', 56));
  const all = makeVectors(rows + QUERIES, dim, seededRandom(1));
  const [vectors, queries] = [all.subarray(0, rows * dim), all.subarray(rows * dim)];
  const queryOf = (i) => queries.slice(i * dim, (i + 1) * dim);
  const workers = new NodeWorkers();
  const folder = await mkdtemp(join(tmpdir(), 'elanus-diskann-'));
  const files = new NodeFiles(folder);
  const objectStore = new FileObjectStore(files, 'objects');
  const source = workers.allocate(DATA_OFFSET, 65535 * 65536);
  const store = new VectorStore(source, {
    dim,
    inverseNorms: metric === 'COSINE',
    blockRows: roundUpBlockRows(rows),
  });
  store.append(new Uint8Array(vectors.buffer, 0, vectors.byteLength));
  const context = { memories: [source.memory], thread: 0 };
  const truth = flatSearch(
    { metric, queries, k: K, rowBegin: 0, rowEnd: rows, ...store.place },
    context,
  ).rows;
  const spec = { metric, elementType: 'float32', dim, rowCount: rows };
  const timed = async (name, task) => {
    const start = performance.now();
    const result = await task();
    console.log(`  ${name}: ${((performance.now() - start) / 1e3).toFixed(1)} s`);
    return result;
  };
  const place = { region: source, place: store.place };
  console.log(`${rows} x ${dim}, ${metric}, max_degree ${maxDegree}, k ${K}`);
  const block = await timed('build HNSW', () =>
    buildVectorIndex(
      workers,
      { ...spec, build: { kind: 'HNSW', M: maxDegree / 2, efConstruction: 100 } },
      place,
    ),
  );
  const hnsw = loadVectorIndex(workers, block, 'HNSW');
  const built = await timed('build DISKANN and write its file', async () => {
    const disk = { ...spec, maxDegree, searchListSize: 100, pqCodeBudgetRatio: 0.125 };
    const { parts, bytes } = await buildDiskIndex(workers, disk, place, crc32);
    await objectStore.put('index/DISKANN', parts);
    return bytes;
  });
  const head = decodeDiskHead(await objectStore.getRange('index/DISKANN', 0, SECTOR_BYTES), 'DISKANN', crc32);
  const disk = loadDiskIndex(
    workers,
    head,
    await objectStore.getRange('index/DISKANN', SECTOR_BYTES, SECTOR_BYTES + head.blockBytes),
    'DISKANN',
  );
  if (fileBytesOf(head) !== built) throw new Error('the file has another size than it says');
  const openPages = (bytesMax) => {
    const metrics = new TextMetrics();
    const cache = new PageCache({ objectStore, timers: nodeTimers, metrics, crc32 }, bytesMax);
    const pages = cache.open('index/DISKANN', head);
    const reads = async () =>
      Number(/^elanus_disk_index_reads (\d+)/m.exec(await metrics.render())?.[1] ?? 0);
    return { cache, pages, reads };
  };
  const searchHnsw = async (query, ef) =>
    graphSearch(
      { index: hnsw.placement, vectors: store.place, queries: query, k: K, params: { ef } },
      { memories: [source.memory, hnsw.region.memory], thread: workers.parallelism },
    ).rows;
  const searchDisk = (pages) => async (query, searchList) =>
    (await diskSearch(disk, pages, workers, { queries: query, k: K, params: { searchList } })).rows;
  const recallOf = async (search, width) => {
    let found = 0;
    for (let i = 0; i < QUERIES; i++) {
      const wanted = truth.subarray(i * K, (i + 1) * K);
      for (const row of await search(queryOf(i), width)) if (wanted.includes(row)) found++;
    }
    return found / (QUERIES * K);
  };
  /** The least width that reaches the recall. */
  const widthFor = async (search) => {
    for (let width = 10; ; width = Math.ceil(width * 1.15))
      if ((await recallOf(search, width)) >= RECALL || width > 2000) return width;
  };
  const rate = async (search, width, atOnce, rounds) => {
    const total = QUERIES * rounds;
    let next = 0;
    const start = performance.now();
    const since = process.cpuUsage();
    const lane = async () => {
      while (next < total) await search(queryOf(next++ % QUERIES), width);
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    const { user, system } = process.cpuUsage(since);
    return { wall: total / ((performance.now() - start) / 1e3), cpu: total / ((user + system) / 1e6) };
  };
  const ef = await widthFor(searchHnsw);
  const warm = openPages(built);
  const searchList = await widthFor(searchDisk(warm.pages));
  console.log(`  recall ${RECALL}: HNSW at ef ${ef}, DISKANN at search_list ${searchList}`);
  const vectorBytes = rows * dim * 4;
  const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
  const lines = [];
  const add = (name, kind, bytes) => {
    const [one, many, reads] = [0, 1, 2].map((column) => results[kind].map((result) => result[column]));
    lines.push({
      index: name,
      'QPS a CPU second': Math.round(median(one.map(({ cpu }) => cpu))),
      'QPS, 1 at a time': Math.round(median(one.map(({ wall }) => wall))),
      'QPS, 16 at a time': Math.round(median(many.map(({ wall }) => wall))),
      'memory MiB': (bytes / MiB).toFixed(0),
      'of the vectors': `${((100 * bytes) / vectorBytes).toFixed(0)} %`,
      'pages read a query': median(reads).toFixed(1),
    });
  };
  const results = { hnsw: [], warm: [], tenth: [], cold: [] };
  // Rounds in turn, so that what else the machine does meets all alike.
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    results.hnsw.push([await rate(searchHnsw, ef, 1, 4), await rate(searchHnsw, ef, 16, 4), 0]);
    for (const [name, bytesMax] of [
      ['warm', built],
      ['tenth', built / 10],
      ['cold', 0],
    ]) {
      const { pages, reads } = name === 'warm' ? warm : openPages(bytesMax);
      const search = searchDisk(pages);
      if (name !== 'cold') await rate(search, searchList, 16, 1);
      const before = await reads();
      const one = await rate(search, searchList, 1, 1);
      const read = ((await reads()) - before) / QUERIES;
      results[name].push([one, await rate(search, searchList, 16, 1), read]);
    }
  }
  const hnswBytes = vectorBytes + hnsw.bytes - hnsw.placement.workBytes * workers.parallelism;
  const diskBytes = disk.bytes - disk.placement.workBytes * workers.parallelism;
  add('HNSW, in memory', 'hnsw', hnswBytes);
  add('DISKANN, all pages cached', 'warm', diskBytes + warm.cache.bytes);
  add('DISKANN, a tenth of the file cached', 'tenth', diskBytes + built / 10);
  add('DISKANN, nothing cached', 'cold', diskBytes);
  console.log(`  file ${(built / MiB).toFixed(0)} MiB, vectors ${(vectorBytes / MiB).toFixed(0)} MiB`);
  console.table(lines);
  await files.close();
  await workers.close();
  await rm(folder, { recursive: true });
  return lines;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await run({ quick: process.argv.includes('--quick') });
