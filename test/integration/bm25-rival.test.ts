// Scores of BM25 beside those of another program, bm25s 0.3.16 (Python), with the same words, k1 and b, to four digits. Its method "lucene" leaves
// out the factor k1 + 1, which is the same for all rows. The numbers are from
//   r = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
//   r.index([d.replace("'", " ").lower().split() for d in docs]); r.get_scores(query.split())
import { DataType, FunctionType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyField, mustSucceed, openWorld, type World } from './support.js';

const docs = [
  'a cat is a feline and likes to purr',
  "a dog is the human's best friend and loves to play",
  'a bird is a beautiful animal that can fly',
  'a fish is a creature that lives in water and swims',
  'the cat and the dog play in the water',
  'purr purr purr said the cat',
  'fly like a bird swim like a fish',
  'the friend of a dog is a cat',
];
const scores: [string, number[]][] = [
  [
    'does the fish purr like a cat',
    [1.100699, 0.407428, 0.203389, 0.725147, 0.810172, 1.714962, 1.975892, 0.87009],
  ],
  ['dog friend water', [0, 0.890158, 0, 0.533722, 1.011543, 0, 0, 1.059712]],
  ['purr', [0.582243, 0, 0, 0, 0, 0.985334, 0, 0]],
  ['bird fly', [0, 0, 1.164485, 0, 0, 0, 1.219937, 0]],
];
const K1 = 1.2;

let world: World;
beforeAll(async () => {
  world = await openWorld('memory');
  const { client } = world;
  const collection = { collection_name: 'docs' };
  await mustSucceed(
    client.createCollection({
      ...collection,
      fields: [
        keyField,
        { name: 'text', data_type: DataType.VarChar, max_length: 200, enable_analyzer: true },
        { name: 'sparse', data_type: DataType.SparseFloatVector },
      ],
      functions: [
        {
          name: 'bm25',
          type: FunctionType.BM25,
          input_field_names: ['text'],
          output_field_names: ['sparse'],
          params: {},
        },
      ],
    } as never),
  );
  await mustSucceed(
    client.createIndex({
      ...collection,
      field_name: 'sparse',
      index_type: 'SPARSE_INVERTED_INDEX',
      metric_type: 'BM25',
      params: { bm25_k1: K1, bm25_b: 0.75 },
    }),
  );
  await mustSucceed(client.loadCollection(collection));
  const rows = docs.map((text, id) => ({ id, text }));
  await mustSucceed(client.insert({ ...collection, data: rows.slice(0, 5) }));
  await mustSucceed(client.flushSync({ collection_names: ['docs'] }));
  await mustSucceed(client.insert({ ...collection, data: rows.slice(5) }));
});
afterAll(() => world.close());

test.each(scores)('%s', async (query, expected) => {
  const { results } = await world.client.search({
    collection_name: 'docs',
    data: query,
    anns_field: 'sparse',
    limit: 10,
    consistency_level: 'Strong',
  } as never);
  const found = new Map(
    (results as { id: string; score: number }[]).map(({ id, score }) => [Number(id), score]),
  );
  const ours = expected.map((_, id) => (found.get(id) ?? 0) / (K1 + 1));
  for (const [id, score] of expected.entries()) expect(ours[id]).toBeCloseTo(score, 4);
});
