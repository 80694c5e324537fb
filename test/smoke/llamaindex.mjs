// LlamaIndex's vector store over the built package, unmodified: documents in, retrieval with metadata filters, delete, a restart. Plain
// JavaScript, run where LlamaIndex is installed: node llamaindex.mjs [folder of the package]
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BaseEmbedding } from '@llamaindex/core/embeddings';
import { TextNode } from '@llamaindex/core/schema';
import { MilvusVectorStore } from '@llamaindex/milvus';

const { open } = await import(pathToFileURL(resolve(process.argv[2] ?? '.', 'dist/server/open.js')).href);
/** The store creates its collection with this number, whatever the model. */
const DIM = 1536;

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

const embeddingOf = (page) => Array.from({ length: DIM }, (_, i) => Math.sin((page + 1) * (i + 1)));
/** A text is embedded by the number in it. */
class PageEmbedding extends BaseEmbedding {
  async getTextEmbedding(text) {
    return embeddingOf(Number(/\d+/.exec(text)?.[0]));
  }
}
const nodes = Array.from(
  { length: 40 },
  (_, page) =>
    new TextNode({
      id_: `page-${page}`,
      text: `page ${page}`,
      embedding: embeddingOf(page),
      metadata: { topic: page % 2 === 0 ? 'dogs' : 'cats', page },
    }),
);
const folder = mkdtempSync(join(tmpdir(), 'elanus-llamaindex-'));
let database = await open(folder, { logLevel: 'error' });
const connect = () =>
  new MilvusVectorStore({
    params: { configOrAddress: database.address },
    collection: 'pages',
    embeddingModel: new PageEmbedding(),
  });
let store = connect();
const query = async (filters, page = 7, similarityTopK = 10) =>
  (await store.query({ queryEmbedding: embeddingOf(page), similarityTopK, mode: 'default', filters })).ids;
const filter = (key, operator, value) => ({ key, operator, value });

await check('LlamaIndex adds nodes', async () => {
  assert.deepEqual(
    await store.add(nodes),
    nodes.map(({ id_ }) => id_),
  );
});
await check('LlamaIndex retrieves the nearest, with text and metadata', async () => {
  const found = await store.query({ queryEmbedding: embeddingOf(7), similarityTopK: 3, mode: 'default' });
  assert.equal(found.ids[0], 'page-7');
  assert.equal(found.nodes[0].text, 'page 7');
  assert.deepEqual(found.nodes[0].metadata, { topic: 'cats', page: 7 });
});
await check('LlamaIndex filters by metadata with each operator', async () => {
  const pages = (isWanted) => nodes.filter((_, page) => isWanted(page)).map(({ id_ }) => id_);
  const cases = [
    [[filter('topic', '==', 'cats'), filter('page', '<', 8)], (page) => page % 2 === 1 && page < 8],
    [[filter('topic', '!=', 'cats'), filter('page', '>=', 34)], (page) => page % 2 === 0 && page >= 34],
    [
      [filter('topic', 'in', ['cats', 'birds']), filter('page', '<=', 5)],
      (page) => page % 2 === 1 && page <= 5,
    ],
    [[filter('topic', 'nin', ['cats']), filter('page', '>', 35)], (page) => page % 2 === 0 && page > 35],
  ];
  for (const [filters, isWanted] of cases)
    assert.deepEqual((await query({ filters, condition: 'and' })).sort(), pages(isWanted).sort());
  const either = { filters: [filter('page', '<', 2), filter('page', '>', 37)], condition: 'or' };
  assert.deepEqual((await query(either)).sort(), pages((page) => page < 2 || page > 37).sort());
});
await check('LlamaIndex deletes a node', async () => {
  await store.delete('page-7', { consistency_level: 'Strong' });
  assert.equal((await query(undefined, 7, 40)).includes('page-7'), false);
});
await check('LlamaIndex finds all of it again after a restart', async () => {
  await database.close();
  database = await open(folder, { logLevel: 'error' });
  store = connect();
  assert.equal((await query(undefined, 8, 40)).length, 39);
});

await database.close();
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
