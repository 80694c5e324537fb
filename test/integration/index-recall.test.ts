// Recall as a client sees it: of three segments with deletes, live and after a restart, beside one segment of the same rows.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { bruteForce, connect, keyField, mustSucceed, randomOf, tempFolder, until } from './support.js';

const DIM = 24;
const ROWS = 12_000;
const vectorOf = (seed: number): number[] => {
  const next = randomOf(seed * 7919 + 5);
  const centre = randomOf((seed % 20) + 500);
  return Array.from({ length: DIM }, () => Math.fround(centre() * 2 + next()));
};

const queries = Array.from({ length: 40 }, (_, i) => vectorOf(900_000 + i));
const model = new Map(Array.from({ length: ROWS }, (_, id) => [id, vectorOf(id)]));
const removed = Array.from({ length: ROWS / 20 }, (_, i) => i * 20);

async function fill(client: MilvusClient, name: string, flushEvery: number): Promise<void> {
  const fields = [keyField, { name: 'vector', data_type: DataType.FloatVector, dim: DIM }];
  await mustSucceed(client.createCollection({ collection_name: name, fields }));
  const index = {
    collection_name: name,
    field_name: 'vector',
    index_type: 'HNSW',
    metric_type: 'L2',
    params: { M: 8, efConstruction: 60 },
  };
  await mustSucceed(client.createIndex(index));
  for (let begin = 0; begin < ROWS; begin += flushEvery) {
    const data = Array.from({ length: flushEvery }, (_, i) => ({
      id: begin + i,
      vector: model.get(begin + i) as number[],
    }));
    await mustSucceed(client.insert({ collection_name: name, data }));
    await mustSucceed(client.flushSync({ collection_names: [name] }));
  }
  await mustSucceed(client.delete({ collection_name: name, ids: removed }));
  await until('every segment has its index', async () => {
    const [described] = (await client.describeIndex({ collection_name: name })).index_descriptions;
    return described?.state === 'Finished' && Number(described.indexed_rows) === ROWS ? true : undefined;
  });
  await mustSucceed(client.loadCollectionSync({ collection_name: name }));
}

async function recallOf(client: MilvusClient, name: string): Promise<number> {
  const answer = await client.search({
    collection_name: name,
    data: queries,
    limit: 10,
    output_fields: ['id'],
    params: { ef: 24, explain: true },
  });
  await mustSucceed(Promise.resolve(answer));
  const plans = JSON.parse(
    String((answer.status as { extra_info?: Record<string, string> }).extra_info?.['elanus.explain']),
  ) as {
    index: string;
  }[];
  expect(plans.every(({ index }) => index === 'HNSW')).toBe(true);
  const live = new Map([...model].filter(([id]) => id % 20 !== 0));
  let found = 0;
  const results = JSON.parse(JSON.stringify(answer.results)) as { id: string }[][];
  for (const [i, hits] of results.entries()) {
    const truth = new Set(
      bruteForce('L2', queries[i] as number[], live)
        .slice(0, 10)
        .map(({ id }) => id),
    );
    for (const { id } of hits) {
      expect(Number(id) % 20).not.toBe(0);
      if (truth.has(Number(id))) found++;
    }
  }
  return found / (queries.length * 10);
}

test('three segments with deletes find what one finds, also after a restart', async () => {
  const folder = await tempFolder();
  let database = await open(folder.path, { logLevel: 'error' });
  let client = await connect(database.address);
  await fill(client, 'one', ROWS);
  await fill(client, 'three', ROWS / 3);
  const single = await recallOf(client, 'one');
  expect(single).toBeGreaterThan(0.9);
  expect(await recallOf(client, 'three')).toBeGreaterThanOrEqual(single - 0.005);
  await client.closeConnection();
  await database.close();
  database = await open(folder.path, { logLevel: 'error' });
  client = await connect(database.address);
  for (const name of ['one', 'three']) {
    await until('it serves', async () =>
      (await client.getLoadState({ collection_name: name })).state === 'LoadStateLoaded' ? true : undefined,
    );
  }
  expect(Math.abs((await recallOf(client, 'one')) - single)).toBeLessThanOrEqual(0.005);
  expect(await recallOf(client, 'three')).toBeGreaterThanOrEqual(single - 0.005);
  await client.closeConnection();
  await database.close();
  await folder.remove();
});
