// Question: what does a vector search cost and find under a filter, from one row in a thousand to nearly all of them, where the filter has
// nothing to do with the vectors, goes with them, or goes against them (the rows that count are far from the query)?
// Ours is the search of one sealed segment with the index that AUTOINDEX builds (HNSW, ef as without a filter), bits given; no server. Beside
// it: the exact scan of the rows that count (listed beforehand, or by bits: the faster), the same search without a filter, hnswlib-node with
// its callback and LanceDB with a prefilter (a scalar index on the column).
// Metrics: recall@10 against the exact scan, and processor time of the whole process, all threads, a query: the median of the rounds, all
// candidates in turn, each search in a turn of the event loop of its own, as requests come; what such a turn costs is measured beside them and
// taken off. Everything runs warm. `of scan` and `of unfiltered` are ratios of our time; `of better` is against the better of the scan and the
// unfiltered search, and 30 %: at most 1 is the aim.
// Run on a built tree: node bench/filtered.mjs [--quick] [--rows 20000,100000] [--no-rivals] [--ef N] [--keep FOLDER] [--embedded]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { flatIds } from '../dist/index/flat/flat-ids.js';
import { flatSearch } from '../dist/index/flat/flat-search.js';
import { buildVectorIndex, chooseIndex, loadVectorIndex } from '../dist/index/vector-indexes.js';
import { batchOf, column, columnFromInt64 } from '../dist/model/columns/column.js';
import { widthsOfLevel } from '../dist/model/params/auto-level.js';
import { openNodePlatform } from '../dist/platform/node/node-platform.js';
import { CollectionSchema } from '../dist/proto/milvus/schema.js';
import { SegmentIndex } from '../dist/segment/fields/segment-index.js';
import { searchSegment } from '../dist/segment/search/segment-search.js';
import { SegmentData } from '../dist/segment/segment-data.js';
import { DIM, kinds, makeData } from './filtered-data.mjs';
import { openRivals } from './filtered-rivals.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    ef: { type: 'string' },
    keep: { type: 'string' },
    'no-rivals': { type: 'boolean', default: false },
  },
});
const K = 10;
/** What the engine compiles is compiled by then. */
const WARM_ROUNDS = 2;
const SHARES = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99];
const ROUNDS = options.quick ? 5 : 9;
const QUERIES = options.quick ? 40 : 100;
const EF = Number(options.ef ?? widthsOfLevel(1, K).ef);
const LATEST = 1n << 62n;
const VECTOR = 101n;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: 5, isPrimaryKey: true },
    { fieldID: VECTOR, name: 'v', dataType: 101, typeParams: [{ key: 'dim', value: `${DIM}` }] },
  ],
});

/** A sealed segment as a query node holds it, with its index. */
async function openSegment(platform, { rows, vectors }) {
  const data = new SegmentData(platform, {
    id: 1n,
    collectionId: 2n,
    partitionId: 3n,
    schema,
    rowsHint: rows,
  });
  const CHUNK = 10_000;
  for (let begin = 0; begin < rows; begin += CHUNK) {
    const count = Math.min(CHUNK, rows - begin);
    const keys = Array.from({ length: count }, (_, i) => BigInt(begin + i));
    const bytes = new Uint8Array(vectors.buffer, begin * DIM * 4, count * DIM * 4);
    data.appendBatch(batchOf(count, [columnFromInt64(100n, keys), column(VECTOR, 101, bytes)]), 1n);
  }
  const of = data.denseVectors(VECTOR);
  const spec = { metric: 'L2', elementType: 'float32', dim: DIM, rowCount: rows };
  const kept = options.keep && join(options.keep, `filtered-${rows}.block`);
  const block = kept && existsSync(kept) ? new Uint8Array(readFileSync(kept)) : undefined;
  const source = { region: of.region, place: of.store.place };
  const made =
    block ?? (await buildVectorIndex(platform.workers, { ...spec, build: chooseIndex(spec) }, source));
  if (kept && block === undefined) writeFileSync(kept, made);
  const loaded = loadVectorIndex(platform.workers, made, 'block', platform.workers.parallelism + 1);
  of.attachIndex(new SegmentIndex(platform.workers, loaded, 'block'));
  return data;
}

function filterOf(column, share) {
  const rowCount = column.length;
  const passing = Math.max(1, Math.round(rowCount * share));
  const bits = new Uint32Array(Math.ceil(rowCount / 32));
  const rows = new Uint32Array(passing);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (column[row] >= passing) continue;
    bits[row >> 5] |= 1 << (row & 31);
    rows[count++] = row;
  }
  return {
    passing: { bits, rowCount, passing },
    rows,
    excluded: new Uint8Array(bits.map((word) => ~word).buffer),
  };
}

/** What takes turns: each answers the rows of a query. */
function candidatesOf(data, { rows, excluded, passing }, context) {
  const { place } = data.denseVectors(VECTOR).store;
  const exact = { ...place, metric: 'L2', k: K };
  const found = async (queries, filter) => {
    const request = { fieldId: VECTOR, metric: 'L2', queries, k: K, readTs: LATEST, params: { ef: EF } };
    const hits = await searchSegment(data, { ...request, ...filter });
    return hits.rows.subarray(0, hits.counts[0]);
  };
  return {
    nothing: () => [],
    ids: (queries) => flatIds({ ...exact, queries, ids: rows }, context).rows,
    bits: (queries) =>
      flatSearch({ ...exact, queries, rowBegin: 0, rowEnd: data.rowCount, excluded }, context).rows,
    unfiltered: (queries) => found(queries),
    ours: (queries) => found(queries, { passing }),
  };
}

async function measure(candidates, queries, truth) {
  const names = Object.keys(candidates);
  const micros = Object.fromEntries(names.map((name) => [name, []]));
  const hits = Object.fromEntries(names.map((name) => [name, 0]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const name of names) {
      const search = candidates[name];
      const since = process.cpuUsage();
      for (const [at, query] of queries.entries()) {
        const found = await search(query);
        if (round === 0) for (const row of found) if (truth[at].has(Number(row))) hits[name]++;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { user, system } = process.cpuUsage(since);
      if (round >= 0) micros[name].push((user + system) / queries.length);
    }
  }
  const wanted = truth.reduce((sum, rows) => sum + rows.size, 0);
  const turn = median(micros.nothing);
  return Object.fromEntries(
    names.map((name) => [
      name,
      { micros: Math.max(0.1, median(micros[name]) - turn), recall: hits[name] / wanted },
    ]),
  );
}

async function explained(data, query, passing) {
  let plan;
  const request = {
    fieldId: VECTOR,
    metric: 'L2',
    queries: query,
    k: K,
    readTs: LATEST,
    params: { ef: EF },
    passing,
  };
  await searchSegment(data, request, undefined, { report: (of) => (plan = of) });
  return plan.plan;
}

const time = (micros) => `${micros < 9.95 ? micros.toFixed(1) : micros.toFixed(0)} us`;
function line(kind, share, plan, found, rivals) {
  const { ids, bits, unfiltered, ours } = found;
  const scan = Math.min(ids.micros, bits.micros);
  const better = Math.min(scan, unfiltered.micros) * 1.3;
  const ratio = (of) => (ours.micros / of).toFixed(2);
  const beside = rivals.map((name) => `${found[name].recall.toFixed(3)}, ${time(found[name].micros)}`);
  const cells = [kind, `${share * 100} %`, plan, ours.recall.toFixed(3), time(ours.micros), time(scan)];
  return `| ${[...cells, time(unfiltered.micros), ratio(scan), ratio(unfiltered.micros), ratio(better), ...beside].join(' | ')} |`;
}

async function run(rows) {
  const set = makeData(rows, QUERIES);
  const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
  const data = await openSegment(platform, set);
  const context = { memories: [data.denseVectors(VECTOR).region.memory], thread: 0 };
  const rivals = options['no-rivals'] ? [] : await openRivals(set, { k: K, ef: EF });
  console.log(`\n${rows} x ${DIM}, L2, k ${K}, HNSW ef ${EF}; ${ROUNDS} rounds of ${QUERIES} queries\n`);
  const names = rivals.map(({ name }) => name);
  const heads = [
    'filter',
    'passing',
    'plan',
    'recall',
    'ours',
    'scan',
    'unfiltered',
    'of scan',
    'of unfiltered',
    'of better',
  ];
  console.log(`| ${[...heads, ...names].join(' | ')} |\n|${'---|'.repeat(heads.length + names.length)}`);
  for (const share of [0.001, 0.1, 0.5, 0.9]) {
    const candidates = candidatesOf(data, filterOf(set.columns.label, share), context);
    const none = set.queries.any.map(() => new Set());
    for (let i = 0; i < WARM_ROUNDS; i++) await measure(candidates, set.queries.any, none);
  }
  for (const { name, column: of, queries: which } of kinds) {
    for (const share of SHARES) {
      const filter = filterOf(set.columns[of], share);
      const queries = set.queries[which];
      const candidates = candidatesOf(data, filter, context);
      const truth = queries.map((query) => new Set(candidates.ids(query)));
      const beside = rivals.map((rival) => [rival.name, (query) => rival.search(query, of, filter)]);
      const found = await measure({ ...candidates, ...Object.fromEntries(beside) }, queries, truth);
      console.log(line(name, share, await explained(data, queries[0], filter.passing), found, names));
    }
  }
  for (const rival of rivals) await rival.close();
  data.release();
  await platform.close();
}

for (const rows of (options.rows ?? (options.quick ? '20000' : '20000,100000')).split(','))
  await run(Number(rows));
