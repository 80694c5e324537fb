// Deletes reach rows wherever they are: in the memory of the shard, in files, in both, whatever the collection says of mmap. Others had deletes
// that took no effect before a flush.
import { ConsistencyLevelEnum } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { connect, createLoaded, insertRange, mustSucceed, vectorOf } from './support.js';

const STRONG = ConsistencyLevelEnum.Strong;
const rising = (a: number, b: number): number => a - b;

test.each([
  ['as it comes', {}],
  ['with mmap', { 'mmap.enabled': 'true' }],
])('growing vs sealed (deletes took no effect before a flush): %s', async (_what, properties) => {
  const database = await open(undefined, { logLevel: 'error', autoCompaction: false });
  const client = await connect(database.address);
  const collection_name = 'c';
  const flush = () => mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  const gone = new Set<number>();
  const remove = async (...ids: number[]): Promise<void> => {
    for (const id of ids) gone.add(id);
    await mustSucceed(client.delete({ collection_name, filter: `id in [${ids.join()}]` }));
  };
  const check = async (): Promise<void> => {
    const left = Array.from({ length: 40 }, (_, id) => id).filter((id) => !gone.has(id));
    const searched = { collection_name, data: vectorOf(1), limit: 100, consistency_level: STRONG };
    const { results } = await client.search(searched);
    expect(results.map(({ id }) => Number(id)).sort(rising)).toEqual(left);
    const queried = { collection_name, filter: 'id >= 0', output_fields: ['id'], consistency_level: STRONG };
    const { data } = await client.query(queried);
    expect(data.map(({ id }) => Number(id)).sort(rising)).toEqual(left);
  };
  try {
    await createLoaded(client, collection_name, { properties });
    await insertRange(client, collection_name, 0, 20);
    await flush();
    await insertRange(client, collection_name, 20, 40);
    // Rows of files, of memory, and of both at once.
    for (const ids of [[3], [25], [4, 26]]) {
      await remove(...ids);
      await check();
    }
    await flush();
    await check();
    await remove(5, 27);
    await check();
    await mustSucceed(client.releaseCollection({ collection_name }));
    await mustSucceed(client.loadCollectionSync({ collection_name }));
    await check();
  } finally {
    await client.closeConnection();
    await database.close();
  }
});
