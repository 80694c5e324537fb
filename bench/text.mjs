// Full text: how fast texts become words, how fast an index over them is built, and searches by BM25 beside minisearch, Orama and FlexSearch
// where these are installed (`npm install --no-save minisearch @orama/orama flexsearch`, here or in the folder that RIVALS names) and bm25s where
// PYTHON names a Python that has it (`pip install bm25s numba`), with how well the text that a query is about is ranked: nDCG@10 of the one right
// answer. Texts are made by a seed: words fall by Zipf's law, 30 to 90 of them a text, or 3 to 9 with --short; each has a title of three words,
// which comes twice in it, and the title is the query. One thread, CPU time, all in turns within each round, medians of the rounds.
// Run on a built tree: node bench/text.mjs [--quick] [--short]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nextFloat, seededRandom } from '../dist/base/random.js';
import { decodeIndexBlock } from '../dist/index/block/index-block.js';
import { bm25Norm, bm25Weight } from '../dist/index/sparse/bm25.js';
import { bm25IndexStatistics } from '../dist/index/sparse/bm25-statistics.js';
import { loadSparseIndex, sparseBuild } from '../dist/index/sparse/sparse-index.js';
import { sparseSearch } from '../dist/index/sparse/sparse-search.js';
import { provideTextPackages } from '../dist/platform/node/node-text-packages.js';
import { analyzerOf } from '../dist/text/analyzer-params.js';

provideTextPackages();
const isQuick = process.argv.includes('--quick');
const isShort = process.argv.includes('--short');
const ROWS = isShort ? (isQuick ? 20_000 : 340_000) : isQuick ? 10_000 : 50_000;
const [LEAST, MORE] = isShort ? [3, 6] : [30, 60];
const QUERIES = 200;
const ROUNDS = isQuick ? 3 : 5;
const WORDS = 40_000;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const cpuMs = () => process.cpuUsage().user / 1000;

const random = seededRandom(7);
const cumulative = new Float64Array(WORDS);
for (let at = 0, sum = 0; at < WORDS; at++) cumulative[at] = sum += 1 / (at + 2.7);
function draw(from = 0) {
  const begin = from === 0 ? 0 : cumulative[from - 1];
  const target = begin + nextFloat(random) * (cumulative[WORDS - 1] - begin);
  let [low, high] = [from, WORDS - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] < target) low = middle + 1;
    else high = middle;
  }
  return low;
}
const word = (at) => `w${at.toString(36)}${'aeiou'[at % 5]}`;
const titles = Array.from({ length: ROWS }, () => [draw(20), draw(20), draw(20)].map(word).join(' '));
const texts = titles.map((title) => {
  const body = Array.from({ length: LEAST + Math.floor(nextFloat(random) * MORE) }, () => word(draw()));
  body.splice(Math.floor(nextFloat(random) * body.length), 0, title, title);
  return `${body.join(' ')}.`;
});
const queries = Array.from({ length: QUERIES }, () => Math.floor(nextFloat(random) * ROWS));
const bytes = texts.reduce((sum, text) => sum + text.length, 0);

/** Pairs of word number and count, by ascending number. */
function countsOf(analyzer, text) {
  const counts = new Map();
  analyzer.hashes(text, (hash) => counts.set(hash, (counts.get(hash) ?? 0) + 1));
  return [...counts].sort(([a], [b]) => a - b);
}

function ours(type) {
  const analyzer = analyzerOf(JSON.stringify({ type }));
  for (const text of texts.slice(0, 1000)) countsOf(analyzer, text);
  let begin = cpuMs();
  for (const text of texts) analyzer.hashes(text, () => {});
  const wordsMs = cpuMs() - begin;
  begin = cpuMs();
  const rows = texts.map((text) => countsOf(analyzer, text));
  const words = new Uint32Array(rows.reduce((sum, row) => sum + row.length * 2, 0));
  const floats = new Float32Array(words.buffer);
  const offsets = new Uint32Array(rows.length + 1);
  let at = 0;
  for (const [row, pairs] of rows.entries()) {
    for (const [hash, count] of pairs) {
      words[at++] = hash;
      floats[at++] = count;
    }
    offsets[row + 1] = at * 4;
  }
  const bytesOf = (array) => new Uint8Array(array.buffer);
  const block = sparseBuild({
    data: bytesOf(words),
    offsets: bytesOf(offsets),
    metric: 'BM25',
    algorithm: 'DAAT_MAXSCORE',
  });
  const buildMs = cpuMs() - begin;
  const workers = {
    allocate: (size) => ({
      memory: new WebAssembly.Memory({ initial: Math.ceil(size / 65_536), maximum: 65_535, shared: true }),
    }),
    release: () => {},
  };
  const { region, placement } = loadSparseIndex(workers, decodeIndexBlock(block), 1);
  const context = { memories: [region.memory] };
  /** As a search of a collection: count the words, weigh them, search. */
  const search = (text) => {
    const counts = countsOf(analyzer, text);
    const terms = Uint32Array.from(counts, ([hash]) => hash);
    const { frequencies, totalLength } = bm25IndexStatistics({ index: placement, terms }, context);
    const query = new Uint32Array(1 + counts.length * 2);
    const values = new Float32Array(query.buffer);
    query[0] = counts.length;
    for (const [place, [hash, count]] of counts.entries()) {
      query[1 + place * 2] = hash;
      values[2 + place * 2] = bm25Weight({ rows: ROWS, frequency: frequencies[place], count }, 1.2);
    }
    const bm25 = bm25Norm({ k1: 1.2, b: 0.75, meanLength: totalLength / ROWS });
    const { rows: found } = sparseSearch({ index: placement, queries: bytesOf(query), k: 10, bm25 }, context);
    return [...found];
  };
  return { name: `elanus, ${type}`, wordsMs, buildMs, size: block.length, search };
}

const loadFrom = createRequire(join(process.env.RIVALS ?? import.meta.dirname, 'package.json'));
/** A package, or undefined where it is not installed. */
async function installed(name) {
  try {
    return await import(pathToFileURL(loadFrom.resolve(name)).href);
  } catch {
    return undefined;
  }
}

async function rivals() {
  const found = [];
  const miniSearch = await installed('minisearch');
  if (miniSearch === undefined) console.log('minisearch is not installed: npm install --no-save minisearch');
  else {
    const begin = cpuMs();
    const MiniSearch = miniSearch.default.default ?? miniSearch.default;
    const index = new MiniSearch({ fields: ['text'] });
    index.addAll(texts.map((text, id) => ({ id, text })));
    const search = (text) =>
      index
        .search(text)
        .slice(0, 10)
        .map(({ id }) => id);
    found.push({ name: 'minisearch', buildMs: cpuMs() - begin, search });
  }
  const orama = await installed('@orama/orama');
  if (orama === undefined) console.log('Orama is not installed: npm install --no-save @orama/orama');
  else {
    const begin = cpuMs();
    const database = orama.create({ schema: { text: 'string' } });
    await orama.insertMultiple(
      database,
      texts.map((text, id) => ({ id: String(id), text })),
      1000,
    );
    const search = (term) =>
      orama.search(database, { term, limit: 10, threshold: 1 }).hits.map(({ id }) => Number(id));
    found.push({ name: 'Orama', buildMs: cpuMs() - begin, search });
  }
  const flexSearch = await installed('flexsearch');
  if (flexSearch === undefined) console.log('FlexSearch is not installed: npm install --no-save flexsearch');
  else {
    const begin = cpuMs();
    const { Index } = flexSearch.Index === undefined ? flexSearch.default : flexSearch;
    const index = new Index({ tokenize: 'strict' });
    for (const [id, text] of texts.entries()) index.add(id, text);
    const search = (text) => index.search(text, { limit: 10, suggest: true });
    found.push({ name: 'FlexSearch', buildMs: cpuMs() - begin, search });
  }
  return found;
}

/** bm25s with its numba backend, in a process of its own. Prints a row like the others. */
function bm25s() {
  const python = process.env.PYTHON;
  if (python === undefined) return console.log('PYTHON names no Python with bm25s: it is left out');
  const folder = mkdtempSync(join(tmpdir(), 'elanus-text-'));
  const file = join(folder, 'texts.json');
  writeFileSync(
    file,
    JSON.stringify({ texts, queries: queries.map((at) => [at, titles[at]]), rounds: ROUNDS }),
  );
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, 'text_bm25s.py'), file], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  process.stdout.write(status === 0 ? stdout : `bm25s failed: ${stderr.slice(-300)}\n`);
}

const candidates = [ours('standard'), ours('english'), ...(await rivals())];
const times = new Map(candidates.map(({ name }) => [name, []]));
// The first round compiles, as the first search of bm25s does; it does not count.
for (let round = 0; round <= ROUNDS; round++) {
  for (const { name, search } of candidates) {
    const begin = cpuMs();
    for (const at of queries) search(titles[at]);
    if (round > 0) times.get(name).push((cpuMs() - begin) / QUERIES);
  }
}
console.log(`${ROWS} texts, ${(bytes / 1e6).toFixed(1)} MB, ${QUERIES} queries of three words, k = 10`);
for (const { name, wordsMs, buildMs, size, search } of candidates) {
  let gain = 0;
  for (const at of queries) {
    const rank = search(titles[at]).indexOf(at);
    if (rank >= 0) gain += 1 / Math.log2(rank + 2);
  }
  const ms = median(times.get(name));
  const words = wordsMs === undefined ? '' : `, words ${(bytes / 1000 / wordsMs).toFixed(0)} MB/s`;
  const bytesPerText = size === undefined ? '' : `, ${(size / ROWS).toFixed(0)} bytes a text`;
  console.log(
    `${name.padEnd(18)} ${(1000 / ms).toFixed(0).padStart(7)} queries/s, nDCG@10 ${(gain / QUERIES).toFixed(3)}, build ${(buildMs / 1000).toFixed(1)} s${words}${bytesPerText}`,
  );
}
bm25s();
