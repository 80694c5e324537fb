// Fields that are dropped while a collection is loaded, written and searched: they are gone at once, with their indexes, and never come back,
// neither from files nor from the log of a server that was killed. A field added under the name is another one.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer } from './server-process.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, vectorOf } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ServerProcess;
let client: MilvusClient;
const collection_name = 'c';

const start = async (): Promise<void> => {
  server = await startServer(folder.path);
  client = await connect(server.address);
};
const kill = async (): Promise<void> => {
  await client.closeConnection();
  server.kill('SIGKILL');
  await server.ended;
};
beforeEach(async () => {
  folder = await tempFolder();
  await start();
});
afterEach(async () => {
  await kill();
  await folder.remove();
});

const flush = () => mustSucceed(client.flushSync({ collection_names: [collection_name] }));
const reload = async (): Promise<void> => {
  await mustSucceed(client.releaseCollection({ collection_name }));
  await mustSucceed(client.loadCollection({ collection_name }));
};
const drop = (field_name: string) => client.dropCollectionField({ collection_name, field_name });
const index = (field_name: string, index_type: string, metric_type?: string) =>
  mustSucceed(
    client.createIndex({
      collection_name,
      field_name,
      index_type,
      ...(metric_type !== undefined && { metric_type }),
    }),
  );
const rowsOf = async (filter: string, output_fields: string[] = ['*']) =>
  (await client.query({ collection_name, filter, output_fields, limit: 5000 })).data;
const text = { name: 'text', data_type: DataType.VarChar, max_length: 30, nullable: true };

test('a scalar field goes from rows, filters, output and indexes, and its name is free', async () => {
  await createLoaded(client, collection_name, { fields: [text, { name: 'n', data_type: DataType.Int64 }] });
  await index('text', 'INVERTED');
  const more = (id: number) => ({ text: `old ${id}`, n: id });
  await insertRange(client, collection_name, 0, 1500, more);
  await flush();
  await insertRange(client, collection_name, 1500, 1510, more); // In the log alone.
  expect(await rowsOf('text == "old 1505"')).toHaveLength(1);
  const before = await client.describeCollection({ collection_name });
  await mustSucceed(drop('text'));
  const expectGone = async (): Promise<void> => {
    expect((await rowsOf('id in [3, 1503]')).map((row) => Object.keys(row).sort())).toEqual([
      ['id', 'n', 'vector'],
      ['id', 'n', 'vector'],
    ]);
    const { status } = await client.query({ collection_name, filter: 'text == "old 3"' });
    expect(status.reason).toContain('field text not exist');
    const described = await client.describeIndex({ collection_name });
    expect(described.index_descriptions.map(({ field_name }) => field_name)).toEqual(['vector']);
  };
  await expectGone();
  await kill();
  await start();
  await expectGone();
  await mustSucceed(client.addCollectionField({ collection_name, field: text }));
  const described = (await client.describeCollection({ collection_name })).schema.fields;
  const id = (fields: typeof described) => Number(fields.find(({ name }) => name === 'text')?.fieldID);
  expect(id(described)).toBeGreaterThan(id(before.schema.fields));
  const expectNew = async (): Promise<void> => {
    expect(await rowsOf('text is null', ['id'])).toHaveLength(1510);
    expect(await rowsOf('text like "%"', ['id', 'text'])).toEqual([{ id: '2000', text: 'new' }]);
  };
  await insertRange(client, collection_name, 2000, 2001, () => ({ text: 'new', n: 1 }));
  await expectNew();
  await kill();
  await start();
  await expectNew();
  await flush();
  await index('text', 'INVERTED');
  await reload();
  await expectNew();
}, 60_000);

test.each(['HNSW', 'DISKANN', 'IVF_FLAT'])(
  'a vector field goes with its %s index while the collection is loaded',
  async (type) => {
    const second = { name: 'second', data_type: DataType.FloatVector, dim: 4 };
    await createLoaded(client, collection_name, { fields: [] });
    await mustSucceed(client.addCollectionField({ collection_name, field: { ...second, nullable: true } }));
    await index('second', type, 'L2');
    await insertRange(client, collection_name, 0, 1200, (id) => ({ second: vectorOf(id, 4) }));
    await flush();
    await reload();
    await insertRange(client, collection_name, 1200, 1210, (id) => ({ second: vectorOf(id, 4) }));
    const search = (anns_field: string, data: number[]) =>
      client.search({ collection_name, anns_field, data, limit: 1, output_fields: ['id'] });
    expect((await search('second', vectorOf(7, 4))).results).toMatchObject([{ id: '7' }]);
    await mustSucceed(drop('second'));
    const expectGone = async (): Promise<void> => {
      await expect(search('second', vectorOf(7, 4))).rejects.toThrow('anns field not found');
      expect((await search('vector', vectorOf(7))).results).toMatchObject([{ id: '7' }]);
      expect((await search('vector', vectorOf(1205))).results).toMatchObject([{ id: '1205' }]);
    };
    await expectGone();
    expect((await drop('vector')).reason).toContain('cannot drop the last vector field');
    await flush();
    await expectGone();
    await reload();
    await expectGone();
    await kill();
    await start();
    await expectGone();
  },
  60_000,
);

test('a client that knows an older schema, or a collection of the same name, describes it again and writes', async () => {
  await createLoaded(client, collection_name, { fields: [text] });
  const other = await connect(server.address);
  const insert = async (id: number, more: object = {}) =>
    mustSucceed(
      other
        .insert({ collection_name, data: [{ id, vector: vectorOf(id), ...more }] })
        .then(({ status }) => status),
    );
  await insert(0, { text: 't0' });
  await mustSucceed(client.addCollectionField({ collection_name, field: { ...text, name: 'more' } }));
  await insert(1, { text: 't1' });
  await insert(2, { text: 't2', more: 'm2' });
  await mustSucceed(drop('more'));
  await insert(3);
  expect(await rowsOf('id >= 0', ['id', 'text'])).toEqual(
    ['t0', 't1', 't2', null].map((value, id) => ({ id: String(id), text: value })),
  );
  await mustSucceed(client.dropCollection({ collection_name }));
  await createLoaded(client, collection_name, { fields: [{ ...text, name: 'new' }] });
  await insert(4);
  await insert(5, { new: 'n' });
  expect(await rowsOf('id >= 0', ['id', 'new'])).toEqual([
    { id: '4', new: null },
    { id: '5', new: 'n' },
  ]);
  await other.closeConnection();
}, 60_000);
