// Fields that come with an index in the same call: both or neither, of scalars and vectors, in a collection that is loaded and written; and
// struct arrays that are added to rows. Killed and opened again, all is as it was.
import { type MilvusClient, DataType as SdkType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AlterCollectionSchemaRequest, AlterCollectionSchemaResponse } from '#proto/milvus/milvus.js';
import { DataType } from '#proto/milvus/schema.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { type ServerProcess, startServer } from './server-process.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, until, vectorOf } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ServerProcess;
let client: MilvusClient;
let raw: RawClient;
const collection_name = 'c';

const start = async (): Promise<void> => {
  server = await startServer(folder.path);
  client = await connect(server.address);
  raw = connectRaw(server.address);
};
const kill = async (): Promise<void> => {
  raw.close();
  await client.closeConnection();
  server.kill('SIGKILL');
  await server.ended;
};
beforeAll(async () => {
  folder = await tempFolder();
  await start();
  await createLoaded(client, collection_name);
  await insertRange(client, collection_name, 0, 1100);
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await insertRange(client, collection_name, 1100, 1150);
});
afterAll(async () => {
  await kill();
  await folder.remove();
});

type FieldInfo = {
  readonly fieldSchema: object;
  readonly indexName?: string;
  readonly extraParams?: readonly { readonly key: string; readonly value: string }[];
};
const params = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

async function add(...fieldInfos: readonly FieldInfo[]): Promise<{ code: number; reason: string }> {
  const action = { op: { $case: 'addRequest', value: { fieldInfos } } };
  const request = AlterCollectionSchemaRequest.fromPartial({
    collectionName: collection_name,
    action,
  } as never);
  const answer = await raw.call(
    'AlterCollectionSchema',
    AlterCollectionSchemaRequest.encode(request).finish(),
  );
  return AlterCollectionSchemaResponse.decode(answer).alterStatus ?? { code: 0, reason: '' };
}

const indexes = async () =>
  (await client.describeIndex({ collection_name })).index_descriptions
    .map(({ index_name, field_name, params: all }) => [
      index_name,
      field_name,
      all.find(({ key }) => key === 'index_type')?.value,
    ])
    .sort();
const fieldNames = async (): Promise<string[]> =>
  (await client.describeCollection({ collection_name })).schema.fields.map(({ name }) => name);
const level = { name: 'level', dataType: DataType.Int64, nullable: true };
const second = {
  ...{ name: 'second', dataType: DataType.FloatVector, nullable: true },
  typeParams: params({ dim: '4' }),
};

it('nothing is added where an index of it cannot be', async () => {
  const before = [await fieldNames(), await indexes()];
  const wrong: readonly [FieldInfo[], string][] = [
    [[{ fieldSchema: level, extraParams: params({ index_type: 'HNSW' }) }], 'HNSW'],
    [
      [
        { fieldSchema: level },
        { fieldSchema: second, extraParams: params({ index_type: 'HNSW', metric_type: 'HAMMING' }) },
      ],
      'metric',
    ],
    [
      [{ fieldSchema: second, indexName: 'vector', extraParams: params({ index_type: 'HNSW' }) }],
      'index name vector is taken',
    ],
    [[{ fieldSchema: level, indexName: '1 bad' }], 'index name'],
  ];
  for (const [infos, text] of wrong) {
    const { code, reason } = await add(...infos);
    expect([code > 0, reason], text).toEqual([true, expect.stringContaining(text)]);
  }
  expect([await fieldNames(), await indexes()]).toEqual(before);
});

it('fields and their indexes are there together, and rows are found by them', async () => {
  expect(
    await add(
      { fieldSchema: level, extraParams: params({ index_type: 'STL_SORT' }) },
      {
        fieldSchema: second,
        indexName: 'by_second',
        extraParams: params({ index_type: 'HNSW', metric_type: 'L2' }),
      },
      {
        fieldSchema: {
          name: 'note',
          dataType: DataType.VarChar,
          nullable: true,
          typeParams: params({ max_length: '8' }),
        },
        indexName: 'by_note',
      },
      { fieldSchema: { name: 'plain', dataType: DataType.Int32, nullable: true } },
    ),
  ).toMatchObject({ code: 0 });
  const expected = [
    ['by_note', 'note', expect.stringMatching(/INVERTED|AUTOINDEX/)],
    ['by_second', 'second', 'HNSW'],
    ['level', 'level', 'STL_SORT'],
    ['vector', 'vector', 'FLAT'],
  ];
  expect(await indexes()).toEqual(expected);
  // This client keeps the schema that it described before.
  await client.closeConnection();
  client = await connect(server.address);
  await insertRange(client, collection_name, 1150, 2400, (id) => ({
    level: id,
    second: vectorOf(id, 4),
    note: `n${id % 10}`,
    plain: 1,
  }));
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await until('all is indexed', async () => {
    const states = (await client.describeIndex({ collection_name })).index_descriptions;
    return states.every(({ state }) => state === 'Finished') ? true : undefined;
  });
  const found = async () => {
    const hit = await client.search({
      collection_name,
      anns_field: 'second',
      data: vectorOf(2000, 4),
      limit: 1,
    });
    const rows = await client.query({
      collection_name,
      filter: 'level in [1200, 1500] and note like "n%"',
      output_fields: ['id'],
    });
    return [hit.results.map(({ id }) => Number(id)), rows.data.map(({ id }) => Number(id))];
  };
  expect(await found()).toEqual([[2000], [1200, 1500]]);
  await kill();
  await start();
  expect(await indexes()).toEqual(expected);
  expect(await found()).toEqual([[2000], [1200, 1500]]);
});

it('a struct array is added to rows: those that are there have none, new ones have theirs', async () => {
  const field = {
    ...{
      name: 'parts',
      data_type: SdkType.Array,
      element_type: SdkType.Struct,
      max_capacity: 3,
      nullable: true,
    },
    fields: [
      { name: 'word', data_type: SdkType.VarChar, max_length: 8 },
      { name: 'emb', data_type: SdkType.FloatVector, dim: 4 },
    ],
  };
  await mustSucceed(client.addCollectionField({ collection_name, field } as never));
  const parts = (id: number) => [
    { word: `w${id}`, emb: vectorOf(id, 4) },
    { word: 'x', emb: vectorOf(id + 1, 4) },
  ];
  await insertRange(client, collection_name, 2400, 2410, (id) => ({ parts: parts(id) }));
  const expectRows = async (): Promise<void> => {
    const { data } = await client.query({
      collection_name,
      filter: 'id in [3, 1200, 2405]',
      output_fields: ['id', 'parts'],
    });
    expect(data).toEqual([
      { id: '3', parts: null },
      { id: '1200', parts: null },
      { id: '2405', parts: parts(2405) },
    ]);
    const matched = await client.query({
      collection_name,
      filter: 'element_filter(parts, $[word] == "w2407")',
      output_fields: ['id'],
    });
    expect(matched.data.map(({ id }) => Number(id))).toEqual([2407]);
  };
  await expectRows();
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await expectRows();
  await kill();
  await start();
  await expectRows();
  // An index of what is in it, and the names of its columns in the description.
  await mustSucceed(
    client.createIndex({
      collection_name,
      field_name: 'parts[emb]',
      index_type: 'HNSW',
      metric_type: 'MAX_SIM_L2',
    }),
  );
  expect(await indexes()).toContainEqual(['parts[emb]', 'parts[emb]', 'HNSW']);
  await expectRows();
  const again = await client.addCollectionField({ collection_name, field } as never);
  expect(again).toMatchObject({ code: expect.any(Number), reason: expect.stringContaining('parts') });
});
