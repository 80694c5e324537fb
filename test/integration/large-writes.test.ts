// Requests of a few bytes that name many rows, long defaults and wide vectors that are null: acknowledged or refused, the server that is
// killed afterwards starts again and has exactly what it acknowledged.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InsertRequest, MutationResult } from '#proto/milvus/milvus.js';
import { connectRaw } from './raw-client.js';
import { type ServerProcess, startServer, stopServer } from './server-process.js';
import { connect, mustSucceed, tempFolder } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ServerProcess;
let client: MilvusClient;
const start = async (): Promise<void> => {
  server = await startServer(folder.path);
  client = await connect(server.address);
};

const killAndStart = async (): Promise<void> => {
  await client.closeConnection();
  await stopServer(server, 'SIGKILL');
  await start();
};

beforeAll(async () => {
  folder = await tempFolder();
  await start();
});

afterAll(async () => {
  await client.closeConnection();
  await stopServer(server, 'SIGKILL');
  await folder.remove();
});

const key = { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: true };
async function create(name: string, fields: readonly object[]): Promise<void> {
  await mustSucceed(client.createCollection({ collection_name: name, fields: [key, ...fields] as never }));
  await mustSucceed(
    client.createIndex({ collection_name: name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' }),
  );
  await mustSucceed(client.loadCollection({ collection_name: name }));
}

async function insertRaw(name: string, numRows: number): Promise<MutationResult> {
  const raw = connectRaw(server.address);
  try {
    const request = InsertRequest.encode(
      InsertRequest.fromPartial({ collectionName: name, numRows }),
    ).finish();
    return MutationResult.decode(await raw.call('Insert', request));
  } finally {
    raw.close();
  }
}

const count = async (name: string): Promise<number> => (await client.count({ collection_name: name })).data;

test('wide vectors left out of many rows are nulls after a kill, and in files', async () => {
  await create('wide', [{ name: 'v', data_type: DataType.FloatVector, dim: 1536, nullable: true }]);
  expect(await insertRaw('wide', 90_000)).toMatchObject({ insertCnt: 90_000n });
  await killAndStart();
  expect(await count('wide')).toBe(90_000);
  await mustSucceed(
    client.insert({ collection_name: 'wide', data: [{ v: new Array<number>(1536).fill(1) }] }),
  );
  const hits = await client.search({
    collection_name: 'wide',
    data: new Array<number>(1536).fill(1),
    limit: 10,
  });
  expect(hits.results.length).toBe(1);
  await mustSucceed(client.flushSync({ collection_names: ['wide'] }));
  await killAndStart();
  expect(await count('wide')).toBe(90_001);
});

test('long defaults left out of many rows are there after a kill; more than memory should hold is refused', async () => {
  const text = {
    name: 't',
    data_type: DataType.VarChar,
    max_length: 65_535,
    default_value: 'x'.repeat(65_535),
  };
  await create('defaults', [text, { name: 'v', data_type: DataType.FloatVector, dim: 8, nullable: true }]);
  expect(await insertRaw('defaults', 500)).toMatchObject({ insertCnt: 500n });
  const refused = await insertRaw('defaults', 50_000);
  expect(refused).toMatchObject({ insertCnt: 0n, status: { code: 1102 } });
  expect(refused.status?.reason).toContain('insert request size exceeds maxInsertSize');
  expect((await insertRaw('defaults', 2 ** 32 - 1)).status?.code).toBe(1102);
  await killAndStart();
  expect(await count('defaults')).toBe(500);
  const { data } = await client.query({
    collection_name: 'defaults',
    filter: '',
    limit: 1,
    output_fields: ['t', 'v'],
  });
  expect(data[0]?.t).toBe('x'.repeat(65_535));
});

test('the first insert into all partitions of a partition key takes effect', async () => {
  const fields = [
    { name: 'k', data_type: DataType.Int64, is_partition_key: true },
    { name: 'v', data_type: DataType.FloatVector, dim: 8 },
  ];
  await mustSucceed(
    client.createCollection({ collection_name: 'keys', num_partitions: 256, fields: [key, ...fields] }),
  );
  await mustSucceed(
    client.createIndex({ collection_name: 'keys', field_name: 'v', index_type: 'FLAT', metric_type: 'L2' }),
  );
  await mustSucceed(client.loadCollection({ collection_name: 'keys' }));
  const data = Array.from({ length: 1500 }, (_, k) => ({ k, v: new Array<number>(8).fill(k) }));
  await mustSucceed(client.insert({ collection_name: 'keys', data }));
  await killAndStart();
  expect(await count('keys')).toBe(1500);
});
