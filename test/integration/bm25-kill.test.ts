// A server killed with SIGKILL while it writes texts. After the restart every acknowledged row is there, and scores are those that a reckoning
// over the rows that are there gives: no word of a lost row counts, none of a row that stayed is missing.
import { DataType, FunctionType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { startServer } from './server-process.js';
import { connect, keyField, mustSucceed, tempFolder, until } from './support.js';

const collection = { collection_name: 'texts' };
const wordsOf = (id: number): string[] =>
  Array.from({ length: 3 + (id % 7) }, (_, at) => `w${(id * 7 + at * at) % 11}`);
const rowOf = (id: number, more = '') => ({ id, text: `${wordsOf(id).join(' ')}${more}` });
const range = (begin: number, end: number) =>
  Array.from({ length: end - begin }, (_, at) => rowOf(begin + at));

async function create(client: MilvusClient): Promise<void> {
  const fields = [
    keyField,
    {
      name: 'text',
      data_type: DataType.VarChar,
      max_length: 500,
      enable_analyzer: true,
      enable_match: true,
    },
    { name: 'sparse', data_type: DataType.SparseFloatVector },
  ];
  const bm25 = {
    name: 'bm25',
    type: FunctionType.BM25,
    input_field_names: ['text'],
    output_field_names: ['sparse'],
    params: {},
  };
  await mustSucceed(client.createCollection({ ...collection, fields, functions: [bm25] } as never));
  await mustSucceed(
    client.createIndex({
      ...collection,
      field_name: 'sparse',
      index_type: 'SPARSE_INVERTED_INDEX',
      metric_type: 'BM25',
    }),
  );
  await mustSucceed(client.loadCollection(collection));
}

async function rowsOf(client: MilvusClient): Promise<Map<number, string[]>> {
  const data = await until('the collection is served', async () => {
    const answer = await client.query({ ...collection, filter: 'id >= 0', output_fields: ['id', 'text'] });
    return answer.status.code === 0 ? answer.data : undefined;
  });
  return new Map(data.map(({ id, text }) => [Number(id), (text as string).split(' ')]));
}

/** The best scores for one word, by the formula. */
function reckoned(rows: ReadonlyMap<number, string[]>, word: string): number[] {
  const texts = [...rows.values()];
  const mean = texts.reduce((sum, { length }) => sum + length, 0) / texts.length;
  const n = texts.filter((words) => words.includes(word)).length;
  const idf = Math.log(1 + (texts.length - n + 0.5) / (n + 0.5));
  return texts
    .map((words) => {
      const f = words.filter((one) => one === word).length;
      return (idf * f * 2.2) / (f + 1.2 * (0.25 + (0.75 * words.length) / mean));
    })
    .filter((score) => score > 0)
    .sort((a, b) => b - a)
    .slice(0, 50);
}

async function expectScores(client: MilvusClient, rows: ReadonlyMap<number, string[]>): Promise<void> {
  for (const word of ['w0', 'w5', 'late']) {
    const { results } = await client.search({
      ...collection,
      data: word,
      anns_field: 'sparse',
      limit: 50,
    } as never);
    const found = (results as { score: number }[]).map(({ score }) => score);
    const expected = reckoned(rows, word);
    expect(found.length).toBe(expected.length);
    for (const [at, score] of expected.entries()) expect(found[at]).toBeCloseTo(score, 5);
    const { data } = await client.query({
      ...collection,
      filter: `text_match(text, "${word}")`,
      output_fields: ['id'],
    });
    const having = [...rows].filter(([, words]) => words.includes(word)).map(([id]) => id);
    expect(data.map(({ id }) => Number(id))).toEqual(having.sort((a, b) => a - b));
  }
}

test('scores count the rows that a kill has left, and no others', { timeout: 60_000 }, async () => {
  const folder = await tempFolder();
  let server = await startServer(folder.path);
  let client = await connect(server.address);
  try {
    await create(client);
    await mustSucceed(client.insert({ ...collection, data: range(0, 40) }));
    await mustSucceed(client.flushSync({ collection_names: ['texts'] }));
    await mustSucceed(client.upsert({ ...collection, data: [rowOf(3, ' late'), rowOf(50, ' late late')] }));
    await mustSucceed(client.delete({ ...collection, filter: 'id in [4, 5, 6]' }));
    const writing = [60, 70, 80].map((begin) =>
      client.insert({ ...collection, data: range(begin, begin + 10) }).then(
        ({ status }) => status.code === 0,
        () => false,
      ),
    );
    await writing[0];
    server.kill('SIGKILL');
    await server.ended;
    await client.closeConnection();
    const written = await Promise.all(writing);
    server = await startServer(folder.path);
    client = await connect(server.address);
    const rows = await rowsOf(client);
    for (const id of [0, 3, 39, 50]) expect(rows.has(id)).toBe(true);
    for (const id of [4, 5, 6]) expect(rows.has(id)).toBe(false);
    for (const [at, isWritten] of written.entries())
      if (isWritten) for (const { id } of range(60 + at * 10, 70 + at * 10)) expect(rows.has(id)).toBe(true);
    await expectScores(client, rows);
  } finally {
    await client.closeConnection();
    server.kill('SIGKILL');
    await server.ended;
    await folder.remove();
  }
});
