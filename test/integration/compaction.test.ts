// Compaction changes no answer: random histories agree with a model at every step, iterators go on, and files are given back.
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { QueryRequest, QueryResults } from '#proto/milvus/milvus.js';
import { type Elanus, open } from '#server/open.js';
import { connectRaw } from './raw-client.js';
import {
  connect,
  createLoaded,
  failureOf,
  insertRange,
  mustSucceed,
  randomOf,
  tempFolder,
  until,
  vectorOf,
} from './support.js';

const OPTIONS = { logLevel: 'error', compactionDelayMs: 20, garbageIntervalMs: 40 } as const;
let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;

async function start(options: Partial<Parameters<typeof open>[1]> = {}): Promise<void> {
  database = await open(folder.path, { ...OPTIONS, ...options });
  client = await connect(database.address);
}

async function stop(): Promise<void> {
  await client.closeConnection();
  await database.close();
}

beforeAll(async () => {
  folder = await tempFolder();
  await start({ autoCompaction: false });
});
afterAll(async () => {
  await stop();
  await folder.remove();
});

const flush = (name: string): Promise<void> => mustSucceed(client.flushSync({ collection_names: [name] }));

/** Begins a compaction and waits for its end. */
async function compact(collection_name: string, more: object = {}): Promise<void> {
  const begun = await client.compact({ collection_name, ...more });
  expect(begun.status.code).toBe(0);
  const { compactionID } = begun;
  const state = await until('the compaction ends', async () => {
    const now = await client.getCompactionState({ compactionID });
    return String(now.state) === 'Completed' ? now : undefined;
  });
  expect(Number(state.failedPlanNo)).toBe(0);
}

const segmentsOf = async (collectionName: string) =>
  (await client.getPersistentSegmentInfo({ collectionName })).infos.filter(
    ({ num_rows }) => Number(num_rows) > 0,
  );

/** Exactly these rows, whichever way one asks. */
async function expectRows(collection_name: string, rows: ReadonlyMap<number, number>): Promise<void> {
  const keys = [...rows.keys()].sort((a, b) => a - b);
  const all = await client.query({
    ...{ collection_name, filter: 'id >= 0', output_fields: ['id', 'version', 'vector'], limit: 16_000 },
  });
  expect(
    all.data.map(({ id, version }) => [Number(id), Number(version)]).sort(([a = 0], [b = 0]) => a - b),
  ).toEqual(keys.map((key) => [key, rows.get(key)]));
  for (const { id, version, vector } of all.data)
    expect(vector).toEqual(vectorOf(Number(id) * 1000 + Number(version)));
  expect((await client.count({ collection_name })).data).toBe(keys.length);
  const hits = await client.search({
    collection_name,
    data: vectorOf(1),
    limit: 16_000,
    output_fields: ['id', 'version'],
  });
  expect(
    hits.results.map(({ id, version }) => [Number(id), Number(version)]).sort(([a = 0], [b = 0]) => a - b),
  ).toEqual(keys.map((key) => [key, rows.get(key)]));
}

describe('compaction+delete (deletes were missed): random histories', () => {
  test.each([1, 2, 3])(
    'seed %i: agree with a model',
    async (seed) => {
      const name = `history_${seed}`;
      await createLoaded(client, name, {
        shards: 2,
        fields: [{ name: 'version', data_type: DataType.Int64 }],
      });
      const random = randomOf(seed);
      const below = (limit: number): number => Math.floor(((random() + 1) / 2) * limit);
      const rows = new Map<number, number>();
      let version = 0;
      for (let step = 0; step < 60; step++) {
        const kind = below(10);
        const some = [...new Set(Array.from({ length: 1 + below(12) }, () => below(80)))];
        if (kind < 5) {
          version++;
          const data = some.map((id) => ({ id, version, vector: vectorOf(id * 1000 + version) }));
          await mustSucceed(client.upsert({ collection_name: name, data }));
          for (const id of some) rows.set(id, version);
        } else if (kind < 7) {
          await mustSucceed(client.delete({ collection_name: name, ids: some }));
          for (const id of some) rows.delete(id);
        } else if (kind < 9) await flush(name);
        else await compact(name, below(3) === 0 ? { l0Compaction: true } : {});
        if (step % 20 === 13) {
          await stop();
          await start({ autoCompaction: step > 20 });
        }
        if (step % 6 === 5) await expectRows(name, rows);
      }
      await flush(name);
      await compact(name);
      await expectRows(name, rows);
      // One for each shard that has rows, and nothing of what was deleted.
      const left = await segmentsOf(name);
      expect(left.length).toBeLessThanOrEqual(2);
      expect(left.reduce((sum, { num_rows }) => sum + Number(num_rows), 0)).toBe(rows.size);
      await stop();
      await start({ autoCompaction: false });
      await expectRows(name, rows);
    },
    120_000,
  );
});

test('small flushes are merged without being asked, and their files go', async () => {
  await stop();
  await start();
  const name = 'merged';
  await createLoaded(client, name);
  for (let flushes = 0; flushes < 9; flushes++) {
    await insertRange(client, name, flushes * 10, flushes * 10 + 10);
    await flush(name);
  }
  await until('segments are merged', async () => ((await segmentsOf(name)).length <= 3 ? true : undefined));
  const idsNow = async () => new Set((await segmentsOf(name)).map(({ segmentID }) => String(segmentID)));
  const [{ collectionID, partitionID } = { collectionID: '', partitionID: '' }] = await segmentsOf(name);
  const below = join(folder.path, 'objects', 'insert_log', String(collectionID), String(partitionID));
  await until('files of merged segments go', async () => {
    const there = (await readdir(below, { recursive: true })).filter((key) => key.endsWith('.parquet'));
    const ids = await idsNow();
    return there.every((key) => ids.has(key.split(sep)[0] ?? '')) ? true : undefined;
  });
  expect((await client.count({ collection_name: name })).data).toBe(90);
  await stop();
  await start({ autoCompaction: false });
});

test('GC: an iterator sees its rows to the end although they are deleted and compacted meanwhile', async () => {
  const name = 'iterated';
  await createLoaded(client, name);
  await insertRange(client, name, 0, 60);
  await flush(name);
  const raw = connectRaw(database.address);
  const page = async (behind: number, guaranteeTimestamp: bigint) => {
    const request = QueryRequest.fromPartial({
      ...{ collectionName: name, expr: `id > ${behind}`, outputFields: ['id'], guaranteeTimestamp },
      queryParams: Object.entries({ iterator: 'True', limit: '10' }).map(([key, value]) => ({ key, value })),
    });
    return QueryResults.decode(await raw.call('Query', QueryRequest.encode(request).finish()));
  };
  const countOf = ({ fieldsData, status }: QueryResults): number => {
    expect(status?.reason ?? '').toBe('');
    const field = fieldsData[0]?.field;
    const data = field?.$case === 'scalars' ? field.value.data : undefined;
    return data?.$case === 'longData' ? decodeInt64s(data.value.data, 'test').length / 8 : 0;
  };
  const first = await page(-1, 0n);
  const { sessionTs } = first;
  expect(countOf(first)).toBe(10);
  await mustSucceed(client.delete({ collection_name: name, filter: 'id >= 30' }));
  await flush(name);
  await compact(name);
  expect((await segmentsOf(name)).map(({ num_rows }) => Number(num_rows))).toEqual([30]);
  // Looks for garbage come and go.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await client.count({ collection_name: name })).data).toBe(30);
  for (let behind = 9; behind < 59; behind += 10) expect(countOf(await page(behind, sessionTs))).toBe(10);
  // Loaded anew, the rows are those of the new segment: the iterator is refused, not answered short.
  await mustSucceed(client.releaseCollection({ collection_name: name }));
  await mustSucceed(client.loadCollection({ collection_name: name }));
  expect((await page(9, sessionTs)).status?.reason).toContain('begin a new one');
  raw.close();
});

test('a load does not wait until deletes that nobody needs any more are forgotten', async () => {
  await stop();
  await start({ autoCompaction: false, garbageIntervalMs: 60_000 });
  const name = 'loaded_later';
  await createLoaded(client, name);
  await mustSucceed(client.releaseCollection({ collection_name: name }));
  await insertRange(client, name, 0, 20);
  await flush(name);
  await mustSucceed(client.delete({ collection_name: name, ids: [1, 2, 3] }));
  await flush(name);
  await compact(name);
  expect(await segmentsOf(name)).toHaveLength(1);
  const begin = performance.now();
  await mustSucceed(client.loadCollection({ collection_name: name }));
  await until(
    'rows are read',
    async () => (await client.count({ collection_name: name })).data === 17 || undefined,
  );
  expect(performance.now() - begin).toBeLessThan(10_000);
  await stop();
  await start({ autoCompaction: false });
});

test('compaction+delete: a major compaction leaves deleted rows out, and sorts by the clustering key', async () => {
  const name = 'clustered';
  await createLoaded(client, name, {
    fields: [{ name: 'level', data_type: DataType.Int64, is_clustering_key: true }],
  });
  for (const begin of [0, 50, 100]) {
    await insertRange(client, name, begin, begin + 50, (id) => ({ level: (id * 37) % 150 }));
    await flush(name);
  }
  const gone = [7, 60, 120];
  await mustSucceed(client.delete({ collection_name: name, ids: gone }));
  await flush(name);
  await compact(name, { majorCompaction: true });
  expect(await segmentsOf(name)).toMatchObject([{ num_rows: '147' }]);
  expect((await client.get({ collection_name: name, ids: [6, ...gone] })).data).toHaveLength(1);
  const { data } = await client.query({
    collection_name: name,
    filter: 'level in [3, 4, 149]',
    output_fields: ['level'],
  });
  expect(data.map(({ level }) => Number(level)).sort((a, b) => a - b)).toEqual([3, 4, 149]);
});

test('a client that names a size finds every segment among the plans, also those that stay as they are', async () => {
  const name = 'sized';
  await createLoaded(client, name);
  await insertRange(client, name, 0, 50);
  await flush(name);
  const before = await segmentsOf(name);
  expect(before).toMatchObject([{ num_rows: '50', level: 'L1', is_sorted: true }]);
  // A size that asks the server to choose, as a tool that measures databases writes it: as many bytes are no int64.
  const { compactionID } = await client.compact({
    collection_name: name,
    target_size: '8796093022207',
  } as never);
  const plans = await until('the compaction ends', async () => {
    const now = await client.getCompactionStateWithPlans({ compactionID });
    return String(now.state) === 'Completed' ? now : undefined;
  });
  const [segment] = before;
  expect(plans).toMatchObject({
    mergeInfos: [{ sources: [segment?.segmentID], target: segment?.segmentID }],
  });
  expect(await segmentsOf(name)).toEqual(before);
});

test('what cannot be is refused', async () => {
  const name = 'refused';
  await createLoaded(client, name);
  const tooSmall = await failureOf(() => client.compact({ collection_name: name, target_size: 1 } as never));
  expect(tooSmall).toMatchObject({ code: 1100, reason: expect.stringContaining('targetSize 1 MB') });
  const unknown = await failureOf(() => client.getCompactionState({ compactionID: 77 }));
  expect(unknown).toMatchObject({
    code: 1100,
    reason: expect.stringContaining('compaction 77 is not known'),
  });
  const begun = await client.compact({ collection_name: name });
  const plans = await client.getCompactionStateWithPlans({ compactionID: begun.compactionID });
  expect(plans).toMatchObject({ state: 'Completed', mergeInfos: [] });
});
