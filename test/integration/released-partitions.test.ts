// Partitions come and go in a collection that is loaded as a whole: the oldest is released and dropped, the next one is created and read.
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { connect, createLoaded, mustSucceed, tempFolder, vectorOf } from './support.js';

test('a partition that is created after another was released is loaded, also after a restart', async () => {
  const folder = await tempFolder();
  let database = await open(folder.path, { logLevel: 'error' });
  let client = await connect(database.address);
  const collection_name = 'rolling';
  const close = async (): Promise<void> => {
    await client.closeConnection();
    await database.close();
  };
  const create = (partition_name: string) =>
    mustSucceed(client.createPartition({ collection_name, partition_name }));
  const insert = (id: number, partition_name: string) =>
    mustSucceed(client.insert({ collection_name, partition_name, data: [{ id, vector: vectorOf(id) }] }));
  const keys = async (): Promise<number[]> => {
    const { data } = await client.query({ collection_name, filter: 'id >= 0', output_fields: ['id'] });
    return data.map(({ id }) => Number(id)).sort((a, b) => a - b);
  };
  try {
    await createLoaded(client, collection_name);
    await create('first');
    await insert(1, 'first');
    await mustSucceed(client.releasePartitions({ collection_name, partition_names: ['first'] }));
    await mustSucceed(client.dropPartition({ collection_name, partition_name: 'first' }));
    await create('second');
    await insert(2, 'second');
    expect(await keys()).toEqual([2]);
    await close();
    database = await open(folder.path, { logLevel: 'error' });
    client = await connect(database.address);
    expect(await keys()).toEqual([2]);
    await create('third');
    await insert(3, 'third');
    expect(await keys()).toEqual([2, 3]);
    await mustSucceed(client.releaseCollection({ collection_name }));
    await mustSucceed(client.loadPartitions({ collection_name, partition_names: ['second'] }));
    await create('fourth');
    await insert(4, 'fourth');
    expect(await keys()).toEqual([2]);
  } finally {
    await close();
    await folder.remove();
  }
}, 60_000);
