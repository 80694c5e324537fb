// LangChain's vector store over the built package, unmodified: add, search with filters on metadata, delete by filter. Plain JavaScript,
// run where LangChain is installed: node langchain.mjs [folder of the package]
import { strict as assert } from 'node:assert';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Milvus } from '@langchain/community/vectorstores/milvus';
import { Document } from '@langchain/core/documents';
import { Embeddings } from '@langchain/core/embeddings';

const { open } = await import(pathToFileURL(resolve(process.argv[2] ?? '.', 'dist/server/open.js')).href);
const DIM = 16;

/** A word adds one to the dimension its letters lead to. */
class WordCounts extends Embeddings {
  async embedDocuments(texts) {
    return texts.map((text) => {
      const vector = new Array(DIM).fill(0.01);
      for (const word of text.toLowerCase().split(/\W+/))
        vector[[...word].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % DIM, 7)] += 1;
      return vector;
    });
  }

  async embedQuery(text) {
    return (await this.embedDocuments([text]))[0];
  }
}

let passed = 0;
let failed = 0;
async function check(name, run) {
  try {
    await run();
    passed++;
    console.log(`  ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`  FAIL  ${name}\n${error instanceof Error ? error.stack : String(error)}`);
  }
}

const topicOf = (page) => (page % 2 === 0 ? 'dogs' : 'cats');
const documents = Array.from(
  { length: 30 },
  (_, page) =>
    new Document({
      pageContent: `page ${page} about ${topicOf(page)}`,
      metadata: { topic: topicOf(page), page },
    }),
);
const pagesOf = (found) => found.map(({ metadata }) => metadata.page).sort((a, b) => a - b);
const database = await open(undefined, { logLevel: 'error' });
let store;
await check('LangChain adds documents', async () => {
  store = await Milvus.fromDocuments(documents, new WordCounts({}), {
    collectionName: 'pages',
    url: database.address,
    indexCreateOptions: { index_type: 'HNSW', metric_type: 'COSINE', params: { M: 8, efConstruction: 64 } },
  });
});
await check('LangChain searches', async () => {
  assert.equal((await store.similaritySearch('dogs', 3)).length, 3);
});
await check('LangChain filters by metadata', async () => {
  const cats = documents.map(({ metadata }) => metadata.page).filter((page) => page % 2 === 1 && page > 10);
  assert.deepEqual(pagesOf(await store.similaritySearch('dogs', 10, 'topic == "cats" and page > 10')), cats);
  assert.deepEqual(
    pagesOf(await store.similaritySearch('dogs', 10, 'topic like "c%" and page in [1, 2, 3]')),
    [1, 3],
  );
  const scored = await store.similaritySearchWithScore('cats', 2, 'topic == "cats"');
  assert.equal(
    scored.every(([{ metadata }]) => metadata.topic === 'cats'),
    true,
  );
});
await check('LangChain deletes by filter', async () => {
  await store.delete({ filter: 'page >= 5' });
  assert.deepEqual(pagesOf(await store.similaritySearch('page', 10)), [0, 1, 2, 3, 4]);
});
await database.close();
console.log(`${passed} passed, ${failed} failed`);
// Connections of the store stay open: it has no end of its own.
process.exit(failed === 0 ? 0 : 1);
