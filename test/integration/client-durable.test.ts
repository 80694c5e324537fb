// Deletes stay deleted and the newest row of a key stays the newest: over flushes, restarts, loads, in every way of reading.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { createLoaded, insertRange, lastingWorld, mustSucceed, vectorOf } from './support.js';

describe('over restarts', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'error' }, (begun) => {
    client = begun;
  });
  const restart = (): Promise<void> => world.restart();
  const flush = (name: string) => mustSucceed(client.flushSync({ collection_names: [name] }));
  const remove = (collection_name: string, ids: number[], partition_name?: string) =>
    mustSucceed(
      client.delete({ collection_name, ids, ...(partition_name === undefined ? {} : { partition_name }) }),
    );
  const reload = async (collection_name: string): Promise<void> => {
    await mustSucceed(client.releaseCollection({ collection_name }));
    await mustSucceed(client.loadCollection({ collection_name }));
  };
  /** Exactly these keys, whichever way one asks; each with the vector of its seed. */
  async function expectRows(
    collection_name: string,
    rows: ReadonlyMap<number, number>,
    gone: readonly number[],
  ): Promise<void> {
    expect((await client.count({ collection_name })).data).toBe(rows.size);
    const all = await client.query({
      collection_name,
      filter: 'id not in [-1]',
      output_fields: ['id', 'vector'],
      limit: 16_000,
    });
    const found = new Map(all.data.map(({ id, vector }) => [Number(id), vector]));
    expect([...found.keys()].sort((a, b) => a - b)).toEqual([...rows.keys()].sort((a, b) => a - b));
    for (const [id, seed] of rows) expect(found.get(id)).toEqual(vectorOf(seed));
    const got = await client.get({ collection_name, ids: [...gone, ...rows.keys()], output_fields: ['id'] });
    expect(got.data).toHaveLength(rows.size);
    const hits = await client.search({
      collection_name,
      data: vectorOf(1),
      limit: 16_000,
      output_fields: ['id'],
    });
    expect(hits.results.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
      [...rows.keys()].sort((a, b) => a - b),
    );
    if (gone.length > 0)
      expect((await client.query({ collection_name, filter: `id in [${gone}]` })).data).toEqual([]);
  }
  const seeded = (ids: Iterable<number>): Map<number, number> => new Map([...ids].map((id) => [id, id]));
  const range = (begin: number, end: number): number[] =>
    Array.from({ length: end - begin }, (_, at) => begin + at);

  test.each([1, 3])('deletes of growing rows and of rows in files, %i shards', async (shards) => {
    const name = `deletes_${shards}`;
    await createLoaded(client, name, { shards });
    await insertRange(client, name, 0, 60);
    await flush(name);
    await remove(name, range(0, 20)); // In files by now.
    await insertRange(client, name, 60, 100);
    await remove(name, range(60, 70)); // Growing still.
    const gone = [...range(0, 20), ...range(60, 70)];
    const rows = seeded([...range(20, 60), ...range(70, 100)]);
    await expectRows(name, rows, gone);
    await flush(name);
    await expectRows(name, rows, gone);
    await restart();
    await expectRows(name, rows, gone);
    await remove(name, range(90, 100));
    for (const id of range(90, 100)) rows.delete(id);
    await restart();
    await expectRows(name, rows, [...gone, ...range(90, 100)]);
    await reload(name);
    await expectRows(name, rows, [...gone, ...range(90, 100)]);
  });
  test('one key upserted many times, with flushes and restarts in between: the last is there, once', async () => {
    const name = 'upserts';
    await createLoaded(client, name, { shards: 2 });
    const rows = new Map<number, number>();
    for (let round = 0; round < 12; round++) {
      const data = range(0, 5).map((id) => ({ id, vector: vectorOf(1000 + round * 10 + id) }));
      await mustSucceed(client.upsert({ collection_name: name, data }));
      for (const id of range(0, 5)) rows.set(id, 1000 + round * 10 + id);
      if (round % 3 === 1) await flush(name);
      if (round % 5 === 4) await restart();
      await expectRows(name, rows, []);
    }
    await flush(name);
    await reload(name);
    await expectRows(name, rows, []);
  });
  test('a delete takes only what was there: a key inserted after it lives, also when both are in files', async () => {
    const name = 'again';
    await createLoaded(client, name);
    await remove(name, [1, 2, 3]); // There are no rows.
    await insertRange(client, name, 0, 5);
    await expectRows(name, seeded(range(0, 5)), []);
    await flush(name);
    await remove(name, [2]);
    await insertRange(client, name, 2, 3);
    await expectRows(name, seeded(range(0, 5)), []);
    await flush(name);
    await restart();
    await expectRows(name, seeded(range(0, 5)), []);
    await remove(name, [2]);
    await flush(name);
    await restart();
    await expectRows(name, seeded([0, 1, 3, 4]), [2]);
  });
  test('an upsert replaces the row of its own partition; of two partitions with one key the newest row is answered', async () => {
    const name = 'moved';
    await createLoaded(client, name);
    await mustSucceed(client.createPartition({ collection_name: name, partition_name: 'p' }));
    await insertRange(client, name, 0, 10);
    await flush(name);
    await mustSucceed(
      client.upsert({ collection_name: name, partition_name: 'p', data: [{ id: 4, vector: vectorOf(40) }] }),
    );
    const inPartition = async (partition: string): Promise<number[]> => {
      const read = await client.query({
        collection_name: name,
        filter: 'id not in [-1]',
        partition_names: [partition],
        output_fields: ['id'],
      });
      return read.data.map(({ id }) => Number(id));
    };
    for (const step of [flush, restart, reload]) {
      expect(await inPartition('p')).toEqual([4]);
      expect(await inPartition('_default')).toEqual(range(0, 10));
      const all = await client.query({
        collection_name: name,
        filter: 'id not in [-1]',
        output_fields: ['id', 'vector'],
      });
      expect(all.data.map(({ id, vector }) => [Number(id), vector])).toEqual(
        range(0, 10).map((id) => [id, vectorOf(id === 4 ? 40 : id)]),
      );
      await step(name);
      await mustSucceed(
        client.upsert({
          collection_name: name,
          partition_name: 'p',
          data: [{ id: 4, vector: vectorOf(40) }],
        }),
      );
    }
  });
  test('a delete in one partition leaves the same key of another alone', async () => {
    const name = 'parts';
    await createLoaded(client, name);
    for (const partition_name of ['a', 'b']) {
      await mustSucceed(client.createPartition({ collection_name: name, partition_name }));
      await insertRange(client, name, 0, 5, () => ({}), partition_name);
    }
    const idsIn = async (partition: string): Promise<number[]> => {
      const read = await client.query({
        collection_name: name,
        filter: 'id not in [-1]',
        partition_names: [partition],
        output_fields: ['id'],
      });
      return read.data.map(({ id }) => Number(id));
    };
    await remove(name, [1, 2], 'a'); // The rows are growing.
    // Each step brings the deletes another way: from the log, from files, forwarded to sealed rows, from the buffer at a load.
    const stays = async (
      inA: number[],
      steps: readonly ((name: string) => Promise<unknown>)[],
    ): Promise<void> => {
      for (const step of steps) {
        expect(await idsIn('b')).toEqual([0, 1, 2, 3, 4]);
        expect(await idsIn('a')).toEqual(inA);
        await step(name);
      }
    };
    await stays([0, 3, 4], [restart, flush, restart, reload, () => remove(name, [3], 'a')]);
    await stays([0, 4], [reload, restart, flush, reload]);
    await remove(name, [0]); // No partition is named: the delete is for all.
    expect([await idsIn('a'), await idsIn('b')]).toEqual([[4], [1, 2, 3, 4]]);
  });
  test('the same for text keys', async () => {
    const name = 'texts';
    const fields = [
      { name: 'id', data_type: DataType.VarChar, is_primary_key: true, max_length: 10 },
      { name: 'vector', data_type: DataType.FloatVector, dim: 8 },
    ];
    await mustSucceed(client.createCollection({ collection_name: name, fields, shards_num: 2 }));
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: name }));
    const keys = range(0, 30).map((at) => `k ${at}'ä`);
    await mustSucceed(
      client.insert({ collection_name: name, data: keys.map((id, at) => ({ id, vector: vectorOf(at) })) }),
    );
    await flush(name);
    await mustSucceed(client.delete({ collection_name: name, ids: keys.slice(0, 10) }));
    for (const step of [flush, restart]) {
      await step(name);
      expect((await client.count({ collection_name: name })).data).toBe(20);
      const got = await client.get({ collection_name: name, ids: keys, output_fields: ['id'] });
      expect(got.data.map(({ id }) => id).sort()).toEqual(keys.slice(10).sort());
    }
  });
});
