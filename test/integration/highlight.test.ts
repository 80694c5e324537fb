// Words marked in the texts of hits: through the Node client, REST and the typed client, with the texts of Milvus's user guide; and what is refused.
import { DataType, FunctionType, HighlightType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collection, floatVector, int64, varchar } from '#client/connect.js';
import { failureOf, openWorld, type World } from './support.js';

const name = 'marked';
const texts = [
  'my first test doc',
  'my second test doc',
  'my first test doc. Milvus is an open-source vector database built for GenAI applications.',
  'my second test doc. Milvus is an open-source vector database that suits AI applications of every size from running a demo chatbot to building web-scale search.',
];
const braces = { pre_tags: ['{'], post_tags: ['}'] };

describe('highlighter', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
    await client.createCollection({
      collection_name: name,
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true },
        {
          name: 'text',
          data_type: DataType.VarChar,
          max_length: 2000,
          enable_analyzer: true,
          enable_match: true,
          nullable: true,
          analyzer_params: { type: 'english' },
        },
        { name: 'title', data_type: DataType.VarChar, max_length: 100 },
        { name: 'sparse', data_type: DataType.SparseFloatVector },
        { name: 'v', data_type: DataType.FloatVector, dim: 2 },
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
    });
    await client.createIndex([
      { collection_name: name, field_name: 'sparse', index_type: 'AUTOINDEX', metric_type: 'BM25' },
      { collection_name: name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' },
    ]);
    await client.loadCollectionSync({ collection_name: name });
    const rows = texts.map((text, id) => ({ id, text, title: `t${id}`, v: [id, 0] }));
    await client.insert({ collection_name: name, data: rows.slice(0, 2) });
    await client.flushSync({ collection_names: [name] });
    await client.insert({
      collection_name: name,
      data: [...rows.slice(2), { id: 9, text: null, title: 'none', v: [9, 0] }] as never,
    });
  });
  afterAll(() => world.close());

  const ask = async (data: unknown, highlighter: object, more: object = {}) => {
    const answer = await world.client.search({
      collection_name: name,
      data,
      anns_field: 'sparse',
      limit: 10,
      output_fields: ['id'],
      highlighter: { type: HighlightType.Lexical, ...highlighter },
      consistency_level: 'Strong',
      ...more,
    } as never);
    if (answer.status.code !== 0) throw new Error(answer.status.reason);
    return answer.results as unknown as {
      id: string;
      text?: string;
      highlight?: { text: { fragments: string[]; scores: number[] } };
    }[];
  };
  const fragmentsOf = (hits: Awaited<ReturnType<typeof ask>>) =>
    Object.fromEntries(hits.map(({ id, highlight }) => [id, highlight?.text.fragments]));

  test('marks the words that were searched for, in fragments that begin with the first of them', async () => {
    const hits = await ask('tests', { ...braces, highlight_search_text: true });
    expect(fragmentsOf(hits)).toEqual({
      0: ['{test} doc'],
      1: ['{test} doc'],
      2: ['{test} doc. Milvus is an open-source vector database built for GenAI applications.'],
      3: [
        '{test} doc. Milvus is an open-source vector database that suits AI applications of every size from run',
      ],
    });
    expect(hits[0]).not.toHaveProperty('text');
    expect(hits[0]?.highlight?.text.scores).toEqual([]);
  });

  test('marks words of queries beside them, and takes fragments as they are asked for', async () => {
    const query = { type: 'TextMatch', field: 'text', text: 'my doc' };
    const both = await ask('test', { ...braces, highlight_search_text: true, highlight_query: [query] });
    expect(fragmentsOf(both)).toMatchObject({
      0: ['{my} first {test} {doc}'],
      1: ['{my} second {test} {doc}'],
    });
    const sized = { ...braces, highlight_search_text: true, fragment_offset: 20, fragment_size: 60 };
    expect(fragmentsOf(await ask('Milvus', sized))).toEqual({
      2: ['my first test doc. {Milvus} is an open-source vector database '],
      3: ['my second test doc. {Milvus} is an open-source vector database'],
    });
    const usual = await ask('second', { highlight_search_text: true });
    expect(fragmentsOf(usual)[1]).toEqual(['<em>second</em> test doc']);
  });

  test('each query marks its own words; a search for vectors marks those of its filter, and a text that is null has none', async () => {
    const answer = await world.client.search({
      collection_name: name,
      data: ['first', 'Milvus'],
      anns_field: 'sparse',
      limit: 1,
      output_fields: ['text'],
      highlighter: { type: HighlightType.Lexical, ...braces, highlight_search_text: true },
    } as never);
    const [first, second] = answer.results as unknown as Awaited<ReturnType<typeof ask>>[];
    expect(first?.[0]?.highlight?.text.fragments[0]).toMatch(/^\{first\} test doc/);
    expect(second?.[0]?.highlight?.text.fragments[0]).toMatch(/^\{Milvus\} is an/);
    const query = { type: 'TextMatch', field: 'text', text: 'databases' };
    const dense = await ask([8, 0], { ...braces, highlight_query: [query] }, { anns_field: 'v' });
    expect(dense.map(({ id }) => id)).toEqual(['9', '3', '2', '1', '0']);
    expect(fragmentsOf(dense)).toMatchObject({ 9: [], 1: [], 0: [] });
    expect(fragmentsOf(dense)[2]).toEqual(['{database} built for GenAI applications.']);
  });

  test('REST and the typed client mark them, too', async () => {
    const answer = await fetch(`http://${world.database.address}/v2/vectordb/entities/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        collectionName: name,
        data: ['Milvus'],
        annsField: 'sparse',
        limit: 2,
        outputFields: ['title'],
        highlighter: { preTags: ['['], postTags: [']'], highlightSearchText: true, fragmentSize: 12 },
      }),
    });
    const { code, data } = (await answer.json()) as { code: number; data: unknown[] };
    expect(code).toBe(0);
    expect(data[0]).toMatchObject({
      id: 2,
      highlight: { text: { fragments: ['[Milvus] is an'], scores: [] } },
    });
    const declared = collection(name, {
      id: int64().primaryKey(),
      text: varchar(2000).nullable(),
      title: varchar(100),
      v: floatVector(2),
    });
    const hits = await world.database
      .client()
      .collection(declared)
      .search('v', [1, 0], {
        limit: 1,
        highlight: { words: { text: 'seconds' }, tags: ['<', '>'], size: 8 },
      });
    expect(hits.at(0)?.highlights).toEqual({ text: ['<second> t'] });
  });

  test.each([
    [
      { highlight_search_text: true },
      { anns_field: 'v', data: [1, 0] },
      'only support with metric type "BM25" but was: L2',
    ],
    [{ pre_tags: [] }, {}, 'pre_tags cannot be empty list'],
    [{ post_tags: [1] }, {}, 'unmarshal post_tags as string list failed'],
    [{ fragment_size: 0 }, {}, 'invalid fragment_size: 0'],
    [{ fragment_offset: -1 }, {}, 'invalid fragment_offset: -1'],
    [{ num_of_fragments: 'many' }, {}, 'invalid num_of_fragments: many'],
    [{ highlight_search_text: 'maybe' }, {}, 'expected true or false'],
    [{ highlight_query: {} }, {}, 'unmarshal highlight queries as json array failed'],
    [{ highlight_query: ['a'] }, {}, 'item in array is not json object'],
    [{ highlight_query: [{ type: 'TextMatch', field: 'text' }] }, {}, 'must set `text` in query'],
    [
      { highlight_query: [{ type: 'PhraseMatch', field: 'text', text: 'a' }] },
      {},
      'invalid highlight query type: PhraseMatch',
    ],
    [
      { highlight_query: [{ type: 'TextMatch', field: 'none', text: 'a' }] },
      {},
      'highlight field not found in schema: none',
    ],
    [
      { highlight_query: [{ type: 'TextMatch', field: 'title', text: 'a' }] },
      {},
      'highlight field title has no analyzer',
    ],
    [{ colour: 'red' }, {}, 'highlighter has the parameter colour'],
    [{ pre_tags: ['x'.repeat(2000)] }, {}, 'expected at most 64 of 1024'],
  ])('refuses %j', async (highlighter, more, reason) => {
    expect((await failureOf(() => ask('test', highlighter, more))).reason).toContain(reason);
  });

  test('a semantic highlighter needs a model, and buckets have no hits to mark', async () => {
    const semantic = { type: HighlightType.Semantic, queries: ['a'], input_fields: ['text'] };
    const failure = await failureOf(() => ask('test', semantic));
    expect(failure.reason).toContain('a semantic highlighter asks a model');
  });
});
