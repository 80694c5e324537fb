// Exact scan: GB/s beside a loop that only reads the same memory, and queries per CPU second beside usearch's exactSearch and
// hnswlib-node's BruteforceSearch. One thread, k = 10; all candidates take turns within each round; medians of the rounds.
// Run on a built tree: node bench/scan.mjs [--quick]
import { pathToFileURL } from 'node:url';
import { nextFloat, seededRandom } from '../dist/base/random.js';
import { DATA_OFFSET } from '../dist/index/block/region-layout.js';
import { flatKernel } from '../dist/index/flat/flat-kernel.js';
import { flatSearch } from '../dist/index/flat/flat-search.js';
import { roundUpBlockRows, VectorStore } from '../dist/index/flat/vector-store.js';
import { loadRival } from './rivals.mjs';

const K = 10;
const BATCH = 16;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Runs every candidate once per round; CPU seconds per query, median over the rounds. The first round warms up and does not count. */
function interleave(candidates, rounds) {
  const times = candidates.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    candidates.forEach(({ once, queries }, i) => {
      const start = process.cpuUsage();
      for (let call = 0; call < 3; call++) once(round * 3 + call);
      const { user, system } = process.cpuUsage(start);
      if (round > 0) times[i].push((user + system) / 1e6 / 3 / queries);
    });
  }
  return times.map(median);
}

function makeSet({ rows, dim, metric }) {
  const random = seededRandom(dim);
  const floats = (count) => Float32Array.from({ length: count }, () => nextFloat(random) * 2 - 1);
  const vectors = new Float32Array(rows * dim);
  for (let i = 0; i < vectors.length; i++) vectors[i] = nextFloat(random) * 2 - 1;
  const queries = Array.from({ length: BATCH }, () => floats(dim));
  const batch = new Float32Array(BATCH * dim);
  for (const [i, query] of queries.entries()) batch.set(query, i * dim);
  const memory = new WebAssembly.Memory({ initial: DATA_OFFSET / 65536, maximum: 65535, shared: true });
  const fill = (options) => {
    const store = new VectorStore(
      { memory: options.memory },
      { dim, inverseNorms: metric === 'COSINE', ...options.store },
    );
    store.append(new Uint8Array(vectors.buffer));
    return store;
  };
  const whole = fill({ memory, store: { blockRows: roundUpBlockRows(rows) } });
  const blockMemory = new WebAssembly.Memory({ initial: DATA_OFFSET / 65536, maximum: 65535, shared: true });
  const blocks = fill({ memory: blockMemory, store: {} });
  return { rows, dim, metric, vectors, queries, batch, memory, whole, blockMemory, blocks };
}

function candidatesOf(set, rivals) {
  const { rows, dim, metric, vectors, queries, batch, memory, whole, blockMemory, blocks } = set;
  const bytes = rows * dim * 4;
  const kernel = flatKernel.on(memory);
  const ours = (store, of, extra) => (vector) =>
    flatSearch(
      { metric, queries: vector, k: K, rowBegin: 0, rowEnd: rows, ...store.place, ...extra },
      { memories: [of], thread: 0 },
    );
  const scan = ours(whole, memory);
  const scanBlocks = ours(blocks, blockMemory);
  const excluded = Uint8Array.from({ length: Math.ceil(rows / 8) }, (_, i) => (i * 37) & 0x55);
  const scanExcluded = ours(whole, memory, { excluded });
  const at = (i) => queries[i % queries.length];
  const list = [
    {
      name: 'only reading the memory',
      bytes,
      queries: 1,
      once: () => kernel.read(DATA_OFFSET, Math.floor(bytes / 128) * 128),
    },
    {
      name: 'elanus, one query',
      bytes,
      queries: 1,
      once: (i) => scan(at(i)),
      rowsOf: (query) => [...scan(query).rows],
    },
    { name: 'elanus, growing blocks', bytes, queries: 1, once: (i) => scanBlocks(at(i)) },
    { name: 'elanus, with exclusions', queries: 1, once: (i) => scanExcluded(at(i)) },
    { name: `elanus, ${BATCH} queries`, queries: BATCH, once: () => scan(batch) },
  ];
  if (rivals.usearch) {
    const kind = { L2: 'l2sq', IP: 'ip', COSINE: 'cos' }[metric];
    const once = (query) => rivals.usearch.exactSearch(vectors, query, dim, K, kind, 1);
    const rowsOf = (query) => [...once(query).keys].map(Number);
    list.push({
      name: 'usearch exactSearch, one query',
      bytes,
      queries: 1,
      once: (i) => once(at(i)),
      rowsOf,
    });
    list.push({ name: `usearch exactSearch, ${BATCH} queries`, queries: BATCH, once: () => once(batch) });
  }
  if (rivals.hnswlib) {
    const index = new rivals.hnswlib.BruteforceSearch({ L2: 'l2', IP: 'ip', COSINE: 'cosine' }[metric], dim);
    index.initIndex(rows);
    for (let row = 0; row < rows; row++)
      index.addPoint(Array.from(vectors.subarray(row * dim, (row + 1) * dim)), row);
    const lists = queries.map((query) => Array.from(query));
    const rowsOf = (query) => index.searchKnn(Array.from(query), K).neighbors;
    list.push({
      name: 'hnswlib-node BruteforceSearch',
      bytes,
      queries: 1,
      once: (i) => index.searchKnn(lists[i % lists.length], K),
      rowsOf,
    });
  }
  return list;
}

/** @returns one entry per set: what was measured, and the ratios. */
export async function run({ quick = false } = {}) {
  const rivals = { usearch: loadRival('usearch', '2.26.2'), hnswlib: loadRival('hnswlib-node', '3.0.0') };
  const sizes = quick
    ? [
        { rows: 20_000, dim: 768, metric: 'IP' },
        { rows: 100_000, dim: 128, metric: 'L2' },
      ]
    : [
        { rows: 150_000, dim: 768, metric: 'IP' },
        { rows: 1_000_000, dim: 128, metric: 'L2' },
        { rows: 150_000, dim: 768, metric: 'COSINE' },
      ];
  const results = [];
  for (const size of sizes) {
    const set = makeSet(size);
    const candidates = candidatesOf(set, rivals);
    const seconds = interleave(candidates, quick ? 3 : 5);
    const reading = seconds[0];
    console.log(`\n${size.rows} x ${size.dim}, ${size.metric}, k ${K}, one thread`);
    const mine = { one: seconds[1], batch: seconds[4] };
    const wanted = candidates[1].rowsOf(set.queries[0]).sort((a, b) => a - b);
    const rows = candidates.map(({ name, bytes, queries, rowsOf }, i) => {
      const found = rowsOf?.(set.queries[0]);
      const result = {
        name,
        msPerQuery: seconds[i] * 1e3,
        qps: 1 / seconds[i],
        ...(bytes && { gigabytesPerSecond: bytes / seconds[i] / 1e9, shareOfReading: reading / seconds[i] }),
        oursIsFasterBy: i > 4 ? seconds[i] / (queries > 1 ? mine.batch : mine.one) : undefined,
        sameHits: found && found.filter((row) => wanted.includes(row)).length / K,
      };
      console.log(
        [
          name.padEnd(34),
          `${result.msPerQuery.toFixed(2)} ms/query`.padStart(16),
          `${result.qps.toFixed(1)} QPS`.padStart(12),
          (bytes
            ? `${result.gigabytesPerSecond.toFixed(2)} GB/s, ${(result.shareOfReading * 100).toFixed(0)} % of reading`
            : ''
          ).padStart(28),
          result.oursIsFasterBy ? `  elanus is ${result.oursIsFasterBy.toFixed(2)} x as fast` : '',
          found && result.sameHits < 1 ? `  (hits agree: ${result.sameHits})` : '',
        ].join(''),
      );
      return result;
    });
    results.push({ ...size, candidates: rows });
  }
  return results;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await run({ quick: process.argv.includes('--quick') });
