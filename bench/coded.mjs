// HNSW_SQ by its codes alone (without refine): bytes a vector in memory beside HNSW, and recall@10 by codes and with the best 2, 3 and 5
// times as many scored by their vectors (refine_k). Everything here is exact, so a busy machine does not matter; speed is bench/ann's.
// Run on a built tree: node bench/coded.mjs [--sets small,words,text] [--rows 20000] [--ef 400]
import { parseArgs } from 'node:util';
import { DATA_OFFSET, WASM_PAGE_BYTES } from '../dist/index/block/region-layout.js';
import { buildVectorIndex, CODES_SEARCH_TASK, loadVectorIndex } from '../dist/index/vector-indexes.js';
import { workerTasks } from '../dist/index/worker-tasks.js';
import { NodeWorkers } from '../dist/platform/node/node-workers.js';
import { graphParameters, K } from './ann/parameters.mjs';
import { openSet, recallOf } from './ann/sets.mjs';

const { values: options } = parseArgs({
  options: {
    sets: { type: 'string', default: 'small,words' },
    rows: { type: 'string', default: '20000' },
    ef: { type: 'string', default: '400' },
  },
});

const FACTORS = [1, 2, 3, 5];
const QUERIES = 300;
for (const name of options.sets.split(',')) await measure(name);

async function measure(name) {
  const set = await openSet(name, Number(options.rows));
  const { dim, rows, metric, base } = set;
  const workers = new NodeWorkers({ parallelism: 2 });
  const bytes = Math.ceil((DATA_OFFSET + base.byteLength) / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
  const region = workers.allocate(bytes, bytes);
  new Float32Array(region.memory.buffer, DATA_OFFSET, base.length).set(base);
  const source = { region, place: { dim, elementType: 'float32', vectorsOffset: DATA_OFFSET } };
  const load = async (build) => {
    const spec = {
      build: { ...graphParameters, ...build },
      metric,
      elementType: 'float32',
      dim,
      rowCount: rows,
    };
    // One thread's working memory, which is about a megabyte and a byte a row.
    return loadVectorIndex(workers, await buildVectorIndex(workers, spec, source), name, 0);
  };
  console.log(
    `\n${name}: ${rows} x ${dim}, ${metric}, M ${graphParameters.M}, ef ${options.ef}, ${QUERIES} queries\n`,
  );
  console.log(
    `| index | bytes a vector | without working memory | ${FACTORS.map((factor) => `recall, refine_k ${factor}`).join(' | ')} |`,
  );
  console.log(`|---|---|---|${'---|'.repeat(FACTORS.length)}`);
  const sizes = ({ placement, bytes: all }, vectorBytes) => {
    const sections = Object.values(placement.sections).reduce((sum, section) => sum + section.bytes, 0);
    return `${(all / rows + vectorBytes).toFixed(0)} | ${(sections / rows + vectorBytes).toFixed(0)}`;
  };
  const hnsw = await load({ kind: 'HNSW' });
  // A vector and the inverse of its length.
  console.log(
    `| HNSW, vectors in memory | ${sizes(hnsw, dim * 4 + 4)} | ${FACTORS.map(() => '').join(' | ')} |`,
  );
  workers.release(hnsw.region);
  for (const sqType of ['SQ8', 'SQ6', 'SQ4U', 'FP16', 'BF16']) {
    const index = await load({ kind: 'HNSW_SQ', sqType, refine: false, refineType: 'FP32' });
    const search = (query, k) => {
      const input = { index: index.placement, queries: query, k, params: { ef: Number(options.ef) } };
      return workerTasks[CODES_SEARCH_TASK](input, { memories: [index.region.memory], thread: 0 }).rows;
    };
    // What is among the candidates comes first once they are scored by their vectors.
    const recalls = FACTORS.map((factor) => {
      const found = Array.from({ length: QUERIES }, (_, i) =>
        search(set.queries.slice(i * dim, (i + 1) * dim), K * factor),
      );
      return recallOf(found, set.truth, K).toFixed(3);
    });
    console.log(`| HNSW_SQ ${sqType}, codes only | ${sizes(index, 0)} | ${recalls.join(' | ')} |`);
    workers.release(index.region);
  }
  await workers.close();
}
