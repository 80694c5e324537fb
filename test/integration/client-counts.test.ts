// Counts while everything around them moves: flush, index, load, other writers; and inserts of more rows than ids come at a time.
import { ConsistencyLevelEnum, DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InsertRequest, MutationResult } from '#proto/milvus/milvus.js';
import { FieldData, DataType as WireType } from '#proto/milvus/schema.js';
import { connectRaw } from './raw-client.js';
import {
  createLoaded,
  insertRange,
  keyField,
  mustSucceed,
  openWorld,
  vectorField,
  type World,
} from './support.js';

describe('counts', () => {
  let world: World;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld('folder');
    client = world.client;
  });
  afterAll(() => world.close());
  /** Counts without a pause until `work` is over. @returns every answer that was not the expected one, and how many there were */
  async function countDuring(name: string, expected: number, work: () => Promise<void>) {
    let isOver = false;
    const wrong: unknown[] = [];
    let polls = 0;
    const poll = async (): Promise<void> => {
      while (!isOver) {
        const answer = await client.query({
          collection_name: name,
          filter: '',
          output_fields: ['count(*)'],
          consistency_level: ConsistencyLevelEnum.Strong,
        });
        polls++;
        const count = Number(answer.data[0]?.['count(*)']);
        if (answer.status.code !== 0 || count !== expected)
          wrong.push([answer.status.code, answer.status.reason, count]);
      }
    };
    const polling = Promise.all([poll(), poll()]);
    try {
      await work();
    } finally {
      isOver = true;
      await polling;
    }
    return { wrong, polls };
  }
  const indexFinished = async (collection_name: string): Promise<void> => {
    for (;;) {
      const { index_descriptions } = await client.describeIndex({ collection_name });
      if (index_descriptions.every(({ state }) => state === 'Finished')) return;
    }
  };
  test('stay the same through flush, index files and loads of more partitions', async () => {
    const name = 'steady';
    await createLoaded(client, name, { shards: 2 });
    for (let begin = 0; begin < 6000; begin += 2000) await insertRange(client, name, begin, begin + 2000);
    await mustSucceed(client.delete({ collection_name: name, ids: [1, 2, 3, 4000] }));
    const { wrong, polls } = await countDuring(name, 5996, async () => {
      for (let round = 0; round < 3; round++) {
        await mustSucceed(client.flushSync({ collection_names: [name] }));
        await indexFinished(name);
        await mustSucceed(client.loadCollection({ collection_name: name }));
        // One key after another, so that each flush has something to write and the number of rows stays.
        for (let id = round * 10; id < round * 10 + 10; id++) {
          const row = { id: id + 100, vector: Array.from({ length: 8 }, () => id) };
          await mustSucceed(client.upsert({ collection_name: name, data: [row] }));
        }
        await mustSucceed(client.createPartition({ collection_name: name, partition_name: `p${round}` }));
      }
      await mustSucceed(client.flushSync({ collection_names: [name] }));
    });
    expect(wrong).toEqual([]);
    expect(polls).toBeGreaterThan(20);
  });
  test('grow by whole requests only, through flushes', async () => {
    const name = 'growing';
    await createLoaded(client, name);
    let isOver = false;
    let last = 0;
    const wrong: number[] = [];
    const polling = (async () => {
      while (!isOver) {
        const { data } = await client.count({ collection_name: name });
        if (data < last || data % 50 !== 0) wrong.push(data);
        last = data;
      }
    })();
    for (let at = 0; at < 20; at++) {
      await insertRange(client, name, at * 50, at * 50 + 50);
      if (at % 5 === 4) await mustSucceed(client.flushSync({ collection_names: [name] }));
    }
    isOver = true;
    await polling;
    expect(wrong).toEqual([]);
    expect((await client.count({ collection_name: name })).data).toBe(1000);
  });
  test.each([DataType.Int64, DataType.VarChar])(
    '200,000 rows in one request get 200,000 keys, key type %i',
    async (data_type) => {
      const name = `many_${data_type}`;
      const rowCount = 200_000;
      const key = {
        ...keyField,
        data_type,
        autoID: true,
        ...(data_type === DataType.VarChar ? { max_length: 30 } : {}),
      };
      await mustSucceed(
        client.createCollection({
          collection_name: name,
          fields: [key, { ...vectorField, dim: 2 }],
          shards_num: 2,
        }),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      );
      await mustSucceed(client.loadCollection({ collection_name: name }));
      // As bytes: the SDK would build an object for every row.
      const raw = connectRaw(world.database.address);
      const request = InsertRequest.fromPartial({
        collectionName: name,
        numRows: rowCount,
        fieldsData: [vectorData(Float32Array.from({ length: rowCount * 2 }, (_, at) => at))],
      });
      const answer = MutationResult.decode(await raw.call('Insert', InsertRequest.encode(request).finish()));
      raw.close();
      expect(answer.status).toMatchObject({ code: 0, reason: '' });
      expect(answer.insertCnt).toBe(BigInt(rowCount));
      expect((await client.count({ collection_name: name })).data).toBe(rowCount);
      const one = await client.search({
        collection_name: name,
        data: [246_912, 246_913],
        limit: 1,
        output_fields: ['id', 'vector'],
      });
      expect(one.results[0]).toMatchObject({ score: 0, vector: [246_912, 246_913] });
      const got = await client.get({
        collection_name: name,
        ids: [one.results[0]?.id ?? ''],
        output_fields: ['vector'],
      });
      expect(got.data).toMatchObject([{ vector: [246_912, 246_913] }]);
    },
  );
});

/** The column `vector` of dim 2. */
const vectorData = (values: Float32Array): FieldData =>
  FieldData.fromPartial({
    type: WireType.FloatVector,
    fieldName: 'vector',
    field: {
      $case: 'vectors',
      value: { dim: 2n, data: { $case: 'floatVector', value: { data: new Uint8Array(values.buffer) } } },
    },
  });
