// A day of claude-context's store (@zilliz/claude-context-core), unmodified, over gRPC and over REST: a folder of code is indexed, searched, changed and
// cleared. With its hybrid mode, which is the default, words and vectors are searched together. Embeddings are made here, nothing is fetched.
// Usage, where it is installed: node claude-context-day.mjs ADDRESS; HYBRID_MODE=false: vectors alone
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Context,
  Embedding,
  MilvusRestfulVectorDatabase,
  MilvusVectorDatabase,
} from '@zilliz/claude-context-core';
import { Checks, equal } from './checks.mjs';

const DIM = 32;
const address = process.argv[2];
const checks = new Checks();
// What the store says while it works.
console.debug = () => {};
const print = console.log;
console.log = (line, ...more) =>
  typeof line === 'string' && /^( {2}(ok|FAIL)|\d+ passed)/.test(line) ? print(line, ...more) : undefined;

/** A word adds one to the dimension its letters lead to. */
class WordCounts extends Embedding {
  maxTokens = 8192;

  async detectDimension() {
    return DIM;
  }

  async embed(text) {
    const vector = new Array(DIM).fill(0.01);
    for (const word of text.toLowerCase().split(/\W+/))
      if (word !== '')
        vector[[...word].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % DIM, 7)] += 1;
    return { vector, dimension: DIM };
  }

  async embedBatch(texts) {
    return Promise.all(texts.map((text) => this.embed(text)));
  }

  getDimension() {
    return DIM;
  }

  getProvider() {
    return 'words';
  }
}

async function day(kind, vectorDatabase) {
  const folder = mkdtempSync(join(tmpdir(), `elanus-context-${kind}-`));
  const context = new Context({ embedding: new WordCounts(), vectorDatabase });
  const search = async (text, filter) =>
    (await context.semanticSearch(folder, text, 3, 0, filter)).map(({ relativePath }) => relativePath);
  const check = (name, run) => checks.run(`claude-context over ${kind} ${name}`, run);
  writeFileSync(join(folder, 'cats.js'), 'export function purr() { return "cats purr softly"; }\n');
  writeFileSync(join(folder, 'dogs.py'), 'def bark():\n    return "dogs bark loudly"\n');
  await check('indexes a folder', async () => {
    const { indexedFiles, status } = await context.indexCodebase(folder);
    equal([indexedFiles, status, await context.hasIndex(folder)], [2, 'completed', true]);
  });
  await check('searches', async () => {
    equal((await search('cats purr softly'))[0], 'cats.js');
    equal((await search('dogs bark loudly'))[0], 'dogs.py');
  });
  await check('searches one kind of file', async () => {
    equal(await search('cats purr softly', "fileExtension in ['.py']"), ['dogs.py']);
  });
  await check('counts and lists', async () => {
    const name = context.getCollectionName(folder);
    equal((await vectorDatabase.listCollections()).includes(name), true);
    equal(
      (await vectorDatabase.query(name, 'relativePath == "cats.js"', ['id', 'content'], 10)).length > 0,
      true,
    );
    if (kind === 'gRPC') equal((await vectorDatabase.getCollectionRowCount(name)) >= 2, true);
  });
  await check('follows changes', async () => {
    // The first call takes stock of the folder.
    await context.reindexByChange(folder);
    rmSync(join(folder, 'dogs.py'));
    writeFileSync(join(folder, 'birds.js'), 'export function sing() { return "birds sing early"; }\n');
    const { added, removed } = await context.reindexByChange(folder);
    equal([added, removed], [1, 1]);
    equal((await search('birds sing early'))[0], 'birds.js');
    equal((await search('dogs bark loudly')).includes('dogs.py'), false);
  });
  await check('clears', async () => {
    await context.clearIndex(folder);
    equal(await context.hasIndex(folder), false);
  });
  rmSync(folder, { recursive: true });
}

await day('gRPC', new MilvusVectorDatabase({ address }));
await day('REST', new MilvusRestfulVectorDatabase({ address: `http://${address}` }));
process.exit(checks.end());
