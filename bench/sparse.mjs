// Sparse search: every algorithm of the inverted index beside TAAT_NAIVE, and the scan without an index, in one run; one thread, k = 10.
// The rows are made by a seed to look like those of a learned sparse model (SPLADE): 30,000 indices whose frequency falls like Zipf's law,
// about 120 values a row, log-normal, about 30 in a query. All candidates take turns within each round; medians of the rounds, CPU time.
// Run on a built tree: node bench/sparse.mjs [--quick]
import { nextFloat, seededRandom } from '../dist/base/random.js';
import { decodeIndexBlock } from '../dist/index/block/index-block.js';
import { loadSparseIndex, sparseBuild } from '../dist/index/sparse/sparse-index.js';
import { sparseScan } from '../dist/index/sparse/sparse-scan.js';
import { sparseAlgorithms, sparseSearch } from '../dist/index/sparse/sparse-search.js';

const isQuick = process.argv.includes('--quick');
const ROWS = isQuick ? 20_000 : 100_000;
const DIMS = 30_000;
const QUERIES = 32;
const ROUNDS = isQuick ? 3 : 7;
const K = 10;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const random = seededRandom(42);
/** Cumulative weights of 1 / (rank + 40) ** 0.9: flat at the head, as words that say nothing get no weight in such models. */
const cumulative = new Float64Array(DIMS);
for (let i = 0, sum = 0; i < DIMS; i++) cumulative[i] = sum += 1 / (i + 40) ** 0.9;
function drawIndex() {
  const target = nextFloat(random) * cumulative[DIMS - 1];
  let [low, high] = [0, DIMS - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] < target) low = middle + 1;
    else high = middle;
  }
  return low;
}

const gaussian = () =>
  Math.sqrt(-2 * Math.log(1 - nextFloat(random))) * Math.cos(2 * Math.PI * nextFloat(random));
/** Rare indices weigh more, as they do in such models. */
const weightOf = (index) => Math.exp(gaussian() * 0.6 - 0.6) * (0.5 + Math.log10(index + 10) / 3);
function drawRow(mean) {
  const count = Math.max(1, Math.round(mean * (0.5 + nextFloat(random))));
  const row = new Map();
  while (row.size < count) {
    const index = drawIndex();
    row.set(index, weightOf(index));
  }
  return [...row].sort(([a], [b]) => a - b);
}

function bytesOf(row, withCount) {
  const begin = withCount ? 4 : 0;
  const view = new DataView(new ArrayBuffer(begin + row.length * 8));
  if (withCount) view.setUint32(0, row.length, true);
  row.forEach(([index, value], at) => {
    view.setUint32(begin + at * 8, index, true);
    view.setFloat32(begin + at * 8 + 4, value, true);
  });
  return new Uint8Array(view.buffer);
}

const rows = Array.from({ length: ROWS }, () => bytesOf(drawRow(120), false));
const queries = Array.from({ length: QUERIES }, () => bytesOf(drawRow(30), true));
const offsets = new Uint32Array(ROWS + 1);
for (let row = 0; row < ROWS; row++) offsets[row + 1] = offsets[row] + rows[row].length;
const data = new Uint8Array(offsets[ROWS]);
for (const [at, row] of rows.entries()) data.set(row, offsets[at]);

const begin = performance.now();
const block = sparseBuild({
  data,
  offsets: new Uint8Array(offsets.buffer),
  metric: 'IP',
  algorithm: 'DAAT_MAXSCORE',
});

const built = performance.now();
const shared = (bytes) =>
  new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536), maximum: 65535, shared: true });
const workers = { parallelism: 1, allocate: (bytes) => ({ memory: shared(bytes) }), release() {}, run() {} };
const { region, placement, bytes } = loadSparseIndex(workers, decodeIndexBlock(block), 1);
console.log(
  `${ROWS} rows, ${(data.length / 8 / ROWS).toFixed(0)} values a row, ${placement.params.dims} indices, ${QUERIES} queries, node ${process.version}`,
);
console.log(
  `build ${(built - begin).toFixed(0)} ms, check and load ${(performance.now() - built).toFixed(0)} ms, file ${(block.length / 2 ** 20).toFixed(1)} MiB, memory ${(bytes / 2 ** 20).toFixed(1)} MiB`,
);
const scanMemory = shared(64 + data.length + ROWS * 4);
const view = new DataView(scanMemory.buffer);
const memory = new Uint8Array(scanMemory.buffer);
let at = 64;
for (const row of rows) {
  view.setUint32(at, row.length / 8, true);
  memory.set(row, at + 4);
  at += 4 + row.length;
}

const search = (algorithm, more) => (query) =>
  sparseSearch(
    { index: placement, queries: query, k: K, algorithm, ...more },
    { memories: [region.memory], thread: 0 },
  );
const candidates = [
  ...['TAAT_NAIVE', ...sparseAlgorithms.filter((name) => name !== 'TAAT_NAIVE' && name !== 'SINDI')].map(
    (name) => ({
      name,
      once: search(name),
    }),
  ),
  { name: 'DAAT_MAXSCORE, drop 0.4', once: search('DAAT_MAXSCORE', { dropRatio: 0.4 }), isApproximate: true },
  {
    name: 'scan without index',
    once: (query) =>
      sparseScan({ offset: 64, rowBegin: 0, rowEnd: ROWS, queries: query, k: K }, { memories: [scanMemory] }),
  },
];
const exact = queries.map((query) => candidates[0].once(query));
for (const { name, once, isApproximate } of candidates) {
  let found = 0;
  queries.forEach((query, q) => {
    const wanted = new Set(exact[q].rows);
    for (const row of once(query).rows) if (wanted.has(row)) found++;
  });
  const recall = found / exact.reduce((sum, hits) => sum + hits.rows.length, 0);
  if (recall !== 1 && !isApproximate) throw new Error(`${name} found ${recall} of the hits`);
  if (isApproximate) console.log(`recall of ${name}: ${recall.toFixed(3)}`);
}

const times = candidates.map(() => []);
for (let round = 0; round < ROUNDS; round++) {
  candidates.forEach(({ once }, i) => {
    const start = process.cpuUsage();
    for (const query of queries) once(query);
    const { user, system } = process.cpuUsage(start);
    times[i].push((user + system) / 1e6 / QUERIES);
  });
}

const base = median(times[0]);
for (const [i, { name }] of candidates.entries()) {
  const time = median(times[i]);
  console.log(
    `${name.padEnd(26)} ${(1 / time).toFixed(0).padStart(6)} queries per CPU second  ${(base / time).toFixed(2).padStart(5)} x TAAT_NAIVE`,
  );
}
