// Rows of imports and deletes of their keys in every order, and upserts that move a row to the partition of another key: what is read is the same at
// once, after a flush, a compaction and a restart (the classes of milvus issues 51247 and 52570).
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { createLoaded, lastingWorld, mustSucceed, until, vectorOf } from './support.js';

describe('imports and deletes', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'silent' }, (begun) => {
    client = begun;
  });
  const post = async (path: string, body: object) => {
    const sent = { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`http://${world.database.address}/v2/vectordb/jobs/import/${path}`, sent);
    return (await response.json()) as { code: number; data: { jobId: string; state: string } };
  };
  const reaches = (jobId: string, wanted: string) =>
    until(wanted, async () => (await post('describe', { jobId })).data.state === wanted || undefined);
  /** Rows that wait for their commit. */
  async function order(collectionName: string, rows: readonly object[]): Promise<string> {
    const file = `${collectionName}.jsonl`;
    await mkdir(join(world.folder, 'objects'), { recursive: true });
    await writeFile(join(world.folder, 'objects', file), rows.map((row) => JSON.stringify(row)).join('\n'));
    const body = { collectionName, files: [[file]], options: { auto_commit: 'false' } };
    const { jobId } = (await post('create', body)).data;
    await reaches(jobId, 'Uncommitted');
    return jobId;
  }
  async function commit(jobId: string): Promise<void> {
    expect((await post('commit', { jobId })).code).toBe(0);
    await reaches(jobId, 'Completed');
  }
  const remove = (collection_name: string, id: number) =>
    mustSucceed(client.delete({ collection_name, filter: `id == ${id}` }));
  async function rowsOf(collection_name: string, output_fields: string[]) {
    const { data } = await client.query({ collection_name, filter: 'id >= 0', output_fields, limit: 100 });
    const counted = await client.query({ collection_name, filter: '', output_fields: ['count(*)'] });
    expect(Number(counted.data[0]?.['count(*)'])).toBe(data.length);
    return data.sort((a, b) => Number(a.id) - Number(b.id));
  }
  /** The same at once, and after each of what moves rows and deletes to other files. */
  async function stays(name: string, output_fields: string[], expected: readonly object[]): Promise<void> {
    expect(await rowsOf(name, output_fields)).toEqual(expected);
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    expect(await rowsOf(name, output_fields)).toEqual(expected);
    const { compactionID } = await client.compact({ collection_name: name });
    await until(
      'the compaction',
      async () =>
        String((await client.getCompactionState({ compactionID })).state).includes('Completed') || undefined,
    );
    expect(await rowsOf(name, output_fields)).toEqual(expected);
    await world.restart();
    await mustSucceed(client.loadCollectionSync({ collection_name: name }));
    expect(await rowsOf(name, output_fields)).toEqual(expected);
  }

  test('import+delete: a delete touches imported rows when it comes after their commit, and never before', async () => {
    const name = 'ordered';
    await createLoaded(client, name, {});
    const row = (id: number) => ({ id, vector: vectorOf(id) });
    await mustSucceed(client.insert({ collection_name: name, data: [row(0), row(1)] }));
    await remove(name, 2);
    await remove(name, 0);
    const job = await order(name, [0, 2, 3, 4, 5].map(row));
    await remove(name, 3);
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    await remove(name, 1);
    await commit(job);
    await remove(name, 4);
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    await remove(name, 5);
    await mustSucceed(client.insert({ collection_name: name, data: [row(5)] }));
    await stays(
      name,
      ['id'],
      [0, 2, 3, 5].map((id) => ({ id: String(id) })),
    );
  });

  test('a file of deletes alone is refused by name, not left out in silence', async () => {
    const body = { collectionName: 'ordered', files: [['ordered.jsonl']], options: { l0_import: 'true' } };
    expect(await post('create', body)).toMatchObject({
      code: 3000,
      message: expect.stringMatching(/l0_import/),
    });
  });

  test('import+partition key: an upsert that moves an imported row to another partition leaves one row', async () => {
    const name = 'moved';
    await createLoaded(client, name, {
      fields: [{ name: 'team', data_type: DataType.Int64, is_partition_key: true }],
    });
    const row = (id: number, team: number) => ({ id, vector: vectorOf(id), team });
    await commit(
      await order(
        name,
        Array.from({ length: 8 }, (_, id) => row(id, id)),
      ),
    );
    await mustSucceed(
      client.upsert({ collection_name: name, data: Array.from({ length: 8 }, (_, id) => row(id, id + 100)) }),
    );
    await stays(
      name,
      ['id', 'team'],
      Array.from({ length: 8 }, (_, id) => ({ id: String(id), team: String(id + 100) })),
    );
  });

  test('import+compaction (one waited for the other): both at once, again and again, end, and deletes stay', async () => {
    const name = 'both';
    await createLoaded(client, name, {});
    const row = (id: number) => ({ id, vector: vectorOf(id) });
    for (let round = 0; round < 3; round++) {
      const ids = Array.from({ length: 10 }, (_, at) => round * 20 + at);
      await mustSucceed(client.insert({ collection_name: name, data: ids.map(row) }));
      await remove(name, round * 20);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      const job = await order(
        name,
        ids.map((id) => row(id + 10)),
      );
      // One that merges, and one that spreads deletes; the job commits while they run.
      const compactions = await Promise.all(
        [{}, { l0Compaction: true }].map((more) => client.compact({ collection_name: name, ...more })),
      );
      await commit(job);
      for (const { compactionID } of compactions)
        await until(
          'a compaction',
          async () =>
            String((await client.getCompactionState({ compactionID })).state).includes('Completed') ||
            undefined,
        );
      await remove(name, round * 20 + 10);
    }
    const left = Array.from({ length: 60 }, (_, id) => id).filter((id) => id % 10 !== 0);
    await stays(
      name,
      ['id'],
      left.map((id) => ({ id: String(id) })),
    );
  });
});
