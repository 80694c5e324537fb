// The IVF family: recall@10 and queries per CPU second over nprobe for each type, beside brute force in the same run; build seconds on
// all threads and bytes per row; and how fast a thread reads codes when all lists are probed. One thread searches, in process, k = 10.
// Run on a built tree: node bench/ivf.mjs [--quick] [--dim=128] [--rows=200000] [--metric=L2] [--types=IVF_SQ8,SCANN]
import { pathToFileURL } from 'node:url';
import { nextBelow, nextFloat, seededRandom } from '../dist/base/random.js';
import { decodeIndexBlock } from '../dist/index/block/index-block.js';
import { DATA_OFFSET } from '../dist/index/block/region-layout.js';
import { placeIndex } from '../dist/index/block/vector-index.js';
import { flatSearch } from '../dist/index/flat/flat-search.js';
import { roundUpBlockRows, VectorStore } from '../dist/index/flat/vector-store.js';
import { buildIvf } from '../dist/index/ivf/ivf-build.js';
import { checkIvfBlock, ivfWorkBytes } from '../dist/index/ivf/ivf-layout.js';
import { ivfSearch } from '../dist/index/ivf/ivf-search.js';
import { NodeWorkers } from '../dist/platform/node/node-workers.js';

const K = 10;
const QUERIES = 500;
const option = (name, usual) =>
  process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? usual;

/** Gaussian clusters within larger ones, variances falling with the dimension: neighbours are not simply the own cluster. */
function makeVectors(rows, dim, random) {
  const gauss = () =>
    Math.sqrt(-2 * Math.log(nextFloat(random) + 1e-12)) * Math.cos(2 * Math.PI * nextFloat(random));
  const spectrum = Float32Array.from({ length: dim }, (_, d) => 1 / Math.sqrt(1 + d / 8));
  const [supers, clusters] = [32, 2000];
  const centers = new Float32Array(clusters * dim);
  const superCenters = Float32Array.from({ length: supers * dim }, gauss);
  for (let c = 0; c < clusters; c++) {
    const from = nextBelow(random, supers) * dim;
    for (let d = 0; d < dim; d++)
      centers[c * dim + d] = superCenters[from + d] * spectrum[d] + gauss() * spectrum[d];
  }
  const vectors = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const from = nextBelow(random, clusters) * dim;
    for (let d = 0; d < dim; d++) vectors[i * dim + d] = centers[from + d] + 1.8 * gauss() * spectrum[d];
  }
  return vectors;
}

const cpuSeconds = (since) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

export async function run({ quick = false } = {}) {
  const dim = Number(option('dim', 128));
  const rows = Number(option('rows', quick ? 50_000 : 200_000));
  const metric = option('metric', 'L2');
  const nlist = Number(option('nlist', quick ? 512 : 1024));
  const all = makeVectors(rows + QUERIES, dim, seededRandom(1));
  const [vectors, queries] = [all.subarray(0, rows * dim), all.subarray(rows * dim)];
  const workers = new NodeWorkers();
  const source = workers.allocate(DATA_OFFSET, 65535 * 65536);
  const store = new VectorStore(source, {
    dim,
    inverseNorms: metric === 'COSINE',
    blockRows: roundUpBlockRows(rows),
  });
  store.append(new Uint8Array(vectors.buffer, 0, vectors.byteLength));
  const exact = (query) =>
    flatSearch(
      { metric, queries: query, k: K, rowBegin: 0, rowEnd: rows, ...store.place },
      { memories: [source.memory], thread: 0 },
    );
  const queryOf = (i) => queries.subarray(i * dim, (i + 1) * dim);
  const truth = exact(queries);
  const begin = process.cpuUsage();
  for (let i = 0; i < 50; i++) exact(queryOf(i));
  const bruteQps = 50 / cpuSeconds(begin);
  console.log(
    `\n${rows} x ${dim}, ${metric}, nlist ${nlist}, k ${K}; brute force ${bruteQps.toFixed(0)} QPS, ${dim * 4} bytes/row`,
  );
  const kinds = [
    ['IVF_FLAT', {}],
    ['IVF_SQ8', {}],
    ['IVF_PQ', { m: dim / 8, nbits: 8 }],
    ['IVF_PQ', { m: dim / 4, nbits: 8 }],
    ['IVF_PQ', { m: dim / 2, nbits: 4 }],
    ['IVF_RABITQ', {}],
    ['SCANN', {}],
  ].filter(([type]) => option('types', type).split(',').includes(type));
  const results = [];
  for (const [indexType, params] of kinds) {
    const spec = {
      indexType,
      metric,
      elementType: 'float32',
      dim,
      rowCount: rows,
      params: { nlist, ...params },
    };
    const start = performance.now();
    const block = await buildIvf(workers, spec, {
      region: source,
      vectorsOffset: store.offset,
      blocks: store.blocks,
    });
    const buildSeconds = (performance.now() - start) / 1e3;
    const decoded = decodeIndexBlock(block);
    checkIvfBlock(decoded);
    const loaded = placeIndex(workers, decoded, ivfWorkBytes(decoded.meta), 1);
    const context = { memories: [source.memory, loaded.region.memory], thread: 0 };
    const search = (i, extra) =>
      ivfSearch(
        { index: loaded.placement, vectors: store.place, queries: queryOf(i), k: K, ...extra },
        context,
      );
    const result = { indexType, params, buildSeconds, bytesPerRow: block.length / rows, points: [] };
    const name = `${indexType}${params.m ? ` m ${params.m} nbits ${params.nbits}` : ''}`;
    console.log(`${name}: built in ${buildSeconds.toFixed(1)} s, ${result.bytesPerRow.toFixed(1)} bytes/row`);
    for (const nprobe of [4, 8, 16, 32, 64, 128]) {
      const seconds = [];
      let hits = 0;
      for (let round = 0; round < 4; round++) {
        const since = process.cpuUsage();
        const found = Array.from({ length: QUERIES }, (_, i) => search(i, { params: { nprobe } }));
        if (round > 0) seconds.push(cpuSeconds(since));
        else {
          found.forEach(({ rows: got }, i) => {
            const wanted = new Set(truth.rows.subarray(i * K, (i + 1) * K));
            for (const row of got) if (wanted.has(row)) hits++;
          });
        }
      }
      const qps = QUERIES / seconds.sort((a, b) => a - b)[1];
      result.points.push({ nprobe, recall: hits / (QUERIES * K), qps });
    }
    const line = ({ nprobe, recall, qps }) =>
      `${nprobe}: ${recall.toFixed(3)} ${qps.toFixed(0)} (${(qps / bruteQps).toFixed(0)}x)`;
    console.log(`  nprobe: recall QPS (of brute force)  ${result.points.map(line).join('   ')}`);
    const since = process.cpuUsage();
    for (let i = 0; i < 20; i++) search(i, { params: { nprobe: nlist, refine_k: 1 } });
    result.nanosecondsPerRow = (cpuSeconds(since) / 20 / rows) * 1e9;
    console.log(`  all lists: ${result.nanosecondsPerRow.toFixed(1)} ns a row`);
    workers.release(loaded.region);
    results.push(result);
  }
  await workers.close();
  return { rows, dim, metric, nlist, bruteQps, results };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await run({ quick: process.argv.includes('--quick') });
