// Question: what do the kernels' walks under a filter take, alone, without the search around them, beside those of another build of Elanus?
// Data and filters are those of filtered.mjs: HNSW as AUTOINDEX builds it, one segment, `ef` as without a filter. The same file of the index
// is read by both builds.
// Metrics: nanoseconds of a walk by the clock, the least of the rounds for each query, and the mean of those: whatever else the machine does
// is in some rounds, not in all. The builds take turns; between two walks for one query are those of all others, so that nothing of it is in
// the nearest caches. `plain` is the walk without a filter. Work is counted by the kernel, in nodes that are scored; recall@10 is that of whole searches.
// Run on two built trees: node bench/filtered-walks.mjs --base CHECKOUT [--rows 20000] [--data clustered] [--shares 0.1,0.5]
//   [--filters uncorrelated,correlated] [--rounds 10] [--queries 100] [--keep FOLDER]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DIM, kinds, makeData } from './filtered-data.mjs';
import { close, openBuild, openSegment, searchRows, vectorsOf } from './filtered-segment.mjs';

const { values: options } = parseArgs({
  options: {
    base: { type: 'string' },
    rows: { type: 'string', default: '20000' },
    data: { type: 'string', default: 'clustered' },
    shares: { type: 'string', default: '0.1,0.5,0.9,0.99' },
    filters: { type: 'string', default: kinds.map(({ name }) => name).join() },
    rounds: { type: 'string', default: '10' },
    queries: { type: 'string', default: '100' },
    seed: { type: 'string', default: '10' },
    keep: { type: 'string' },
  },
});
const K = 10;
const ROWS = Number(options.rows);
const QUERIES = Number(options.queries);
const here = resolve(import.meta.dirname, '..');

/** A build with its segment, and the index in it as its kernels find it. */
async function openSide(root, set, shape, keep) {
  const build = await openBuild(root);
  let index;
  const seen = {
    ...build,
    loadVectorIndex: (...asked) => {
      index = build.loadVectorIndex(...asked);
      return index;
    },
  };
  const side = await openSegment(seen, set, { name: 'HNSW', shape, keep });
  const { placement, region } = index;
  const { nodes, degree, upperNodes } = build.graphParams(placement);
  // Searches of one caller run on the calling thread, which has the last place of all.
  const at = placement.workOffset + placement.workBytes * side.platform.workers.parallelism;
  return {
    ...{ side, build, placement, at, nodes, upperNodes },
    work: build.workLayout(nodes, DIM, degree),
    kernel: build.graphKernel.on(region.memory),
    bytes: new Uint8Array(region.memory.buffer),
  };
}

function filterOf(column, share) {
  const passing = Math.round(ROWS * share);
  const bits = new Uint32Array(Math.ceil(ROWS / 32));
  const rows = new Uint32Array(passing);
  let count = 0;
  for (let row = 0; row < ROWS; row++) {
    if (column[row] >= passing) continue;
    bits[row >> 5] |= 1 << (row & 31);
    rows[count++] = row;
  }
  return { bits, rowCount: ROWS, passing, rows };
}

/** The queries as walks read them, and the rows that whole searches found; the bits of the filter are where walks read them then. */
async function prepare({ side, build, bytes, at, work }, queries, passing) {
  const params = { ef: build.widthsOfLevel(1, K).ef };
  const coded = [];
  const rows = [];
  for (const query of queries) {
    await searchRows(side, query, { k: K, params, passing });
    rows.push(await searchRows(side, query, { k: K, params, passing }));
    coded.push(bytes.slice(at + work.query, at + work.query + work.queryBytes));
  }
  return { coded, rows };
}

/** What walks the index with a filter and without, for the query that lies in place. */
function walksOf({ build, placement, kernel, at, work, nodes, upperNodes }, passing) {
  const { ef } = build.widthsOfLevel(1, K);
  const codeBytes = build.walkedBytes(Number(placement.params.codeStride ?? DIM), DIM);
  const walk = build.filteredWalk({ nodes, passing, ef, k: K, vectorBytes: DIM * 4, codeBytes });
  const { narrow, wide, far, farBelow, goesFar, budget, settledWithin } = walk;
  const sampled = goesFar ? Math.min(nodes, upperNodes) : 0;
  const query = at + work.query;
  const asked = [query, narrow, wide, far, at + work.excluded, farBelow, sampled, budget, settledWithin];
  return {
    filtered: () => kernel.searchCounting(...asked),
    plain: () => kernel.search(query, ef),
  };
}

/** Adds a round to the least time of each query. @returns work of the filtered walks */
function round({ side, coded, walks, least }) {
  let work = 0;
  for (const [name, walk] of Object.entries(walks)) {
    for (const [at, query] of coded.entries()) {
      side.bytes.set(query, side.at + side.work.query);
      const begun = process.hrtime.bigint();
      walk();
      const took = Number(process.hrtime.bigint() - begun);
      least[name][at] = Math.min(least[name][at], took);
      if (name === 'filtered') work += side.kernel.workDone();
    }
  }
  return work / coded.length;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const micros = (nanos) => `${(mean(nanos) / 1000).toFixed(1)} us`;

async function cell(sides, set, kind, share) {
  const filter = filterOf(set.columns[kind.column], share);
  const queries = set.queries[kind.queries];
  const { region, store } = vectorsOf(sides[0].side);
  const context = { memories: [region.memory], thread: 0 };
  const exact = { ...store.place, metric: 'L2', k: K, ids: filter.rows };
  const truth = queries.map(
    (query) => new Set(sides[0].build.flatIds({ ...exact, queries: query }, context).rows),
  );
  const runs = [];
  for (const side of sides) {
    const { coded, rows } = await prepare(side, queries, filter);
    const found = rows.map((one, at) => one.filter((row) => truth[at].has(Number(row))).length);
    const least = { filtered: queries.map(() => Infinity), plain: queries.map(() => Infinity) };
    runs.push({ side, coded, least, walks: walksOf(side, filter.passing), recall: mean(found) / K, work: 0 });
  }
  for (let at = 0; at < Number(options.rounds); at++) for (const run of runs) run.work = round(run);
  const of = ({ least, recall, work }) => [
    micros(least.filtered),
    micros(least.plain),
    work.toFixed(0),
    recall.toFixed(3),
  ];
  const [mine, base] = runs;
  const ratio = base && (mean(mine.least.filtered) / mean(base.least.filtered)).toFixed(2);
  const beside = (mean(mine.least.filtered) / mean(mine.least.plain)).toFixed(2);
  const cells = [kind.name, `${share * 100} %`, ...of(mine), beside, ...(base ? [...of(base), ratio] : [])];
  console.log(`| ${cells.join(' | ')} |`);
}

const heads = ['filter', 'passing', 'walk', 'plain', 'work', 'recall', 'of plain'];
if (options.base) heads.push('before', 'plain', 'work', 'recall', 'of before');
const keep = options.keep ?? mkdtempSync(join(tmpdir(), 'elanus-walks-'));
for (const shape of options.data.split(',')) {
  const set = { ...makeData(ROWS, QUERIES, shape, Number(options.seed)), dim: DIM };
  const sides = [];
  for (const root of options.base ? [here, options.base] : [here])
    sides.push(await openSide(root, set, shape, keep));
  console.log(
    `\n${ROWS} x ${DIM}, ${shape}, L2, k ${K}; ${options.rounds} rounds of ${QUERIES} queries of seed ${options.seed}\n`,
  );
  console.log(`| ${heads.join(' | ')} |\n|${'---|'.repeat(heads.length)}`);
  for (const kind of kinds) {
    if (!options.filters.split(',').includes(kind.name)) continue;
    for (const share of options.shares.split(',')) await cell(sides, set, kind, Number(share));
  }
  for (const { side } of sides) await close(side);
}
if (options.keep === undefined) rmSync(keep, { recursive: true });
