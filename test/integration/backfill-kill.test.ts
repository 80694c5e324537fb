// A server killed while a function comes to a collection with rows, and while these get what it makes: with rows in files and in the log, some of
// them written before the function and some after it. In the end each has its words once.
import { DataType, FunctionType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { type ServerProcess, startServer } from './server-process.js';
import { connect, keyField, mustSucceed, tempFolder, until, vectorField, vectorOf } from './support.js';

const collection = { collection_name: 'texts' };
const rows = (begin: number, end: number) =>
  Array.from({ length: end - begin }, (_, at) => ({
    id: begin + at,
    text: `every w${(begin + at) % 5}`,
    vector: vectorOf(begin + at),
  }));

test('a function that comes while the server is killed', { timeout: 120_000 }, async () => {
  const folder = await tempFolder();
  let server: ServerProcess = await startServer(folder.path);
  let client: MilvusClient = await connect(server.address);
  const again = async (): Promise<void> => {
    server.kill('SIGKILL');
    await server.ended;
    await client.closeConnection();
    server = await startServer(folder.path);
    client = await connect(server.address);
  };
  const insert = (begin: number, end: number) =>
    mustSucceed(client.insert({ ...collection, data: rows(begin, end) }));
  const found = async (word: string): Promise<number[]> => {
    const search = { ...collection, data: word, anns_field: 'sparse', limit: 500 };
    const results = await until('the backfill', async () => {
      const answer = await client.search({ ...search, consistency_level: 'Strong' } as never);
      return answer.status.code === 0 ? (answer.results as { id: string }[]) : undefined;
    });
    return results.map(({ id }) => Number(id)).sort((a, b) => a - b);
  };
  try {
    const text = { name: 'text', data_type: DataType.VarChar, max_length: 100, enable_analyzer: true };
    await mustSucceed(client.createCollection({ ...collection, fields: [keyField, text, vectorField] }));
    await mustSucceed(client.createIndex({ ...collection, field_name: 'vector', metric_type: 'L2' }));
    await mustSucceed(client.loadCollection(collection));
    await insert(0, 30);
    await mustSucceed(client.flushSync({ collection_names: ['texts'] }));
    await insert(30, 60);
    const changing = client
      .alterCollectionSchema({
        ...collection,
        field: { name: 'sparse', data_type: DataType.SparseFloatVector },
        function: {
          ...{ name: 'words', type: FunctionType.BM25, params: {} },
          ...{ input_field_names: ['text'], output_field_names: ['sparse'] },
        },
        ...{ index_name: 'made', extra_params: { index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'BM25' } },
      } as never)
      .catch(() => {});
    // It is durable once it is described; what it seals, and who is asked to fill it, a kill cuts off.
    await until('the function is there', async () => {
      const { schema } = await client.describeCollection(collection);
      return schema.fields.some(({ name }) => name === 'sparse') ? true : undefined;
    });
    await again();
    await changing;
    await insert(60, 70);
    await again();
    await insert(70, 80);
    const all = Array.from({ length: 80 }, (_, id) => id);
    expect(await found('every')).toEqual(all);
    await again();
    expect(await found('every')).toEqual(all);
    expect(await found('w3')).toEqual(all.filter((id) => id % 5 === 3));
  } finally {
    await client.closeConnection();
    server.kill('SIGKILL');
    await server.ended;
    await folder.remove();
  }
});
