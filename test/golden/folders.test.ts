// Folders of earlier versions must open with everything in them: rows in files and rows that only the log has, deletes of both kinds, and
// an index file of every format, read and not built again. Each is opened twice: as it was, and as this version left it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import { connect, extraOf, mustSucceed, scoreOf, tempFolder, until } from '../integration/support.js';
import {
  expectedRows,
  floatIndexes,
  floats,
  INDEXED_ROWS,
  LOGGED_ROWS,
  otherIndexes,
  scalarsOf,
} from './folder-content.mjs';
import { unpack } from './pack.mjs';

const folders = ['folder-v1.gz', 'folder-v2.gz'];
const K = 5;
/** What each index finds of the nearest at the widths below; of so small a set only codes of few bits miss some. */
const RECALL_MIN = { hnsw_sq: 0.6, hnsw_pq: 0.9, ivf_pq: 0.9, ivf_rabitq: 0.75 } as const satisfies Record<
  string,
  number
>;
const WIDE = { ef: 200, nprobe: 8, search_list: 200, refine_k: 4 };
interface Hit {
  readonly id: string;
  readonly score: number;
}

async function load(client: MilvusClient, collection_name: string): Promise<void> {
  await mustSucceed(client.loadCollection({ collection_name }));
  await until(`${collection_name} is served`, async () => {
    const { progress } = await client.getLoadingProgress({ collection_name });
    return Number(progress) >= 100 ? true : undefined;
  });
}

async function search(
  client: MilvusClient,
  collection_name: string,
  anns_field: string,
  data: unknown,
  metric_type: string,
) {
  const request = {
    collection_name,
    anns_field,
    data: [data],
    limit: K,
    metric_type,
    params: { ...WIDE, explain: true },
  };
  const answer = await client.search(request as never);
  expect(answer.status).toMatchObject({ code: 0, reason: '' });
  const explain = JSON.parse(extraOf(answer.status)['elanus.explain'] ?? '[]') as { index: string }[];
  return { hits: answer.results as unknown as Hit[], indexes: explain.map(({ index }) => index) };
}

async function checkFloats(client: MilvusClient): Promise<void> {
  await load(client, 'floats');
  for (const [salt, { name, metric_type, index_type }] of floatIndexes.entries()) {
    const metric = metric_type as 'L2' | 'IP' | 'COSINE';
    let found = 0;
    for (let seed = 0; seed < 20; seed++) {
      const query = floats(seed + 5000, salt);
      const { hits, indexes } = await search(client, 'floats', name, query, metric);
      expect(indexes, name).toEqual([index_type]);
      const scores = Array.from({ length: INDEXED_ROWS }, (_, id) =>
        scoreOf(metric, query, floats(id, salt)),
      );
      const nearest = scores.sort((a, b) => (metric === 'L2' ? a - b : b - a)).slice(0, K);
      const worst = nearest[K - 1] ?? Number.NaN;
      for (const { id, score } of hits) {
        const right = scoreOf(metric, query, floats(Number(id), salt));
        // HNSW_SQ keeps codes only.
        if (name !== 'hnsw_sq') expect(score).toBeCloseTo(right, 3);
        if (metric === 'L2' ? right <= worst + 1e-4 : right >= worst - 1e-4) found++;
      }
    }
    expect(found, name).toBeGreaterThanOrEqual(
      20 * K * ((RECALL_MIN as Record<string, number>)[name] ?? 0.97),
    );
  }
}

async function checkOthers(client: MilvusClient): Promise<void> {
  await load(client, 'others');
  for (const { name, metric_type, index_type, vectorOf } of otherIndexes) {
    const { hits, indexes } = await search(client, 'others', name, vectorOf(7), metric_type);
    if (index_type !== 'FLAT') expect(indexes, name).toEqual([index_type]);
    // The row itself, or one with the same vector, is the first.
    expect(JSON.stringify(vectorOf(Number(hits[0]?.id))), name).toBe(JSON.stringify(vectorOf(7)));
  }
}

async function checkRows(client: MilvusClient): Promise<void> {
  await load(client, 'rows');
  const { data } = await client.query({
    collection_name: 'rows',
    filter: 'id not in [-1]',
    output_fields: ['*'],
    limit: 1000,
  });
  const expected = expectedRows();
  expect(data.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
    [...expected.keys()].sort((a, b) => a - b),
  );
  for (const { id, vector, $meta, ...rest } of data) {
    const version = expected.get(Number(id)) ?? 0;
    expect({ ...rest, ...$meta, float: rest.float, vector }).toEqual({
      ...scalarsOf(Number(id), version),
      vector: floats(Number(id), 50 + version),
    });
  }
  expect((await client.count({ collection_name: 'rows' })).data).toBe(expected.size);
  const { hits } = await search(client, 'rows', 'vector', floats(180, 52), 'COSINE');
  expect(hits[0]?.score).toBeCloseTo(1, 5);
}

async function checkFresh(client: MilvusClient): Promise<void> {
  await load(client, 'fresh');
  expect((await client.count({ collection_name: 'fresh' })).data).toBe(LOGGED_ROWS);
  const { hits } = await search(client, 'fresh', 'vector', floats(33, 60), 'L2');
  expect(hits[0]?.score).toBe(0);
}

const indexFiles = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, 'objects/index_files'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

describe.each(folders)('%s', (file) => {
  test('opens with its rows and its indexes, and once more as this version left it', {
    timeout: 180_000,
  }, async () => {
    const folder = await tempFolder();
    await unpack(join(import.meta.dirname, file), folder.path);
    const before = await indexFiles(folder.path);
    for (const written of [0, 10]) {
      const database = await open(folder.path, { logLevel: 'error' });
      const client = await connect(database.address);
      await checkFloats(client);
      await checkOthers(client);
      await checkFresh(client);
      await checkRows(client);
      // It takes writes, and forgets them again.
      const more = Array.from({ length: 10 }, (_, at) => ({
        id: 1000 + written + at,
        vector: floats(at, 60),
      }));
      await mustSucceed(client.insert({ collection_name: 'fresh', data: more }));
      await mustSucceed(
        client.delete({ collection_name: 'fresh', filter: `id in [${more.map(({ id }) => id)}]` }),
      );
      await client.closeConnection();
      await database.close();
    }
    expect(await indexFiles(folder.path)).toEqual(before);
    await folder.remove();
  });
});
