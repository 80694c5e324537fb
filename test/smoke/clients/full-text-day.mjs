// Full text by the Node SDK, unmodified: a schema with an analyzer and a BM25 function, an index, rows without vectors, searches by text, filters by
// words, hybrid search.
// Usage, where the package is installed under that name: node full-text-day.mjs ADDRESS PACKAGE
import { Checks, equal } from './checks.mjs';

const [address, name] = process.argv.slice(2);
const { DataType, FunctionType, MilvusClient, RRFRanker } = await import(name);
const checks = new Checks();
const client = new MilvusClient({ address });
const collection_name = `full_text_${name.replaceAll(/\W/g, '_')}`;
const texts = [
  'information retrieval is a field of study.',
  'information retrieval focuses on finding relevant information in large datasets.',
  'data mining and information retrieval overlap in research.',
  'cats sleep most of the day.',
];
const check = (what, run) => checks.run(`full text by ${name} ${what}`, run);
const ok = ({ status, ...answer }) => {
  const { error_code, reason } = status ?? answer;
  if (error_code !== 'Success') throw new Error(reason);
  return answer;
};
const textsOf = ({ results }) => results.map(({ text }) => text);

await check('creates', async () => {
  await client.dropCollection({ collection_name });
  ok(
    await client.createCollection({
      collection_name,
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: true },
        {
          name: 'text',
          data_type: DataType.VarChar,
          max_length: 1000,
          enable_analyzer: true,
          enable_match: true,
        },
        { name: 'sparse', data_type: DataType.SparseFloatVector },
        { name: 'dense', data_type: DataType.FloatVector, dim: 2 },
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
      index_params: [
        {
          field_name: 'sparse',
          index_type: 'SPARSE_INVERTED_INDEX',
          metric_type: 'BM25',
          params: { bm25_k1: 1.2, bm25_b: 0.75 },
        },
        { field_name: 'dense', index_type: 'AUTOINDEX', metric_type: 'L2' },
      ],
    }),
  );
  const { schema } = await client.describeCollection({ collection_name });
  equal(
    schema.functions.map((one) => one.name),
    ['bm25'],
  );
  await client.loadCollectionSync({ collection_name });
});
await check('inserts', async () => {
  const data = texts.map((text, at) => ({ text, dense: [at, 0] }));
  equal(ok(await client.insert({ collection_name, data })).insert_cnt, '4');
});
await check('searches', async () => {
  const search = (data, more = {}) =>
    client.search({
      collection_name,
      data,
      anns_field: 'sparse',
      limit: 3,
      output_fields: ['text'],
      ...more,
    });
  const found = await search('whats the focus of information retrieval?', {
    params: { drop_ratio_search: 0.2 },
  });
  equal(textsOf(found).length, 3);
  equal(textsOf(await search('cats')), [texts[3]]);
  equal(textsOf(await search('information', { filter: "text_match(text, 'mining')" })), [texts[2]]);
});
await check('joins words and vectors', async () => {
  const found = await client.hybridSearch({
    collection_name,
    data: [
      { anns_field: 'sparse', data: 'cats' },
      { anns_field: 'dense', data: [3, 0] },
    ],
    rerank: RRFRanker(60),
    limit: 2,
    output_fields: ['text'],
  });
  equal(textsOf(found)[0], texts[3]);
});
await check('ends', async () => ok(await client.dropCollection({ collection_name })));
await client.closeConnection();
process.exit(checks.end());
