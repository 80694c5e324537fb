// Every type of dense vector index through the unmodified client: built from a flushed segment, searched beside fresh rows and deletes,
// under a filter and within a range, and after a restart; recall against exact scores.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import {
  bruteForce,
  clusteredOf,
  connect,
  keyField,
  type Metric,
  mustSucceed,
  scoreOf,
  tempFolder,
  until,
} from './support.js';

const DIM = 32;
const ROWS = 3000;
const cases: readonly {
  readonly type: string;
  readonly build: Record<string, string | number | boolean>;
  readonly search: Record<string, number>;
  readonly recall: number;
  readonly metric: Metric;
}[] = [
  { type: 'HNSW', build: { M: 16, efConstruction: 100 }, search: { ef: 64 }, recall: 0.95, metric: 'L2' },
  { type: 'HNSW', build: { M: 16, efConstruction: 100 }, search: { ef: 64 }, recall: 0.95, metric: 'COSINE' },
  {
    type: 'HNSW_SQ',
    build: { M: 16, efConstruction: 100, sq_type: 'SQ8', refine: true },
    search: { ef: 64 },
    recall: 0.95,
    metric: 'IP',
  },
  {
    type: 'HNSW_PQ',
    build: { M: 16, efConstruction: 100, m: 16, nbits: 8 },
    search: { ef: 64 },
    recall: 0.9,
    metric: 'COSINE',
  },
  {
    type: 'HNSW_PRQ',
    build: { M: 16, efConstruction: 100, m: 8, nrq: 2, nbits: 8 },
    search: { ef: 64 },
    recall: 0.9,
    metric: 'L2',
  },
  { type: 'IVF_FLAT', build: { nlist: 32 }, search: { nprobe: 16 }, recall: 0.95, metric: 'L2' },
  { type: 'IVF_SQ8', build: { nlist: 32 }, search: { nprobe: 16 }, recall: 0.95, metric: 'COSINE' },
  {
    type: 'IVF_PQ',
    build: { nlist: 32, m: 16, nbits: 8 },
    search: { nprobe: 16 },
    recall: 0.5,
    metric: 'L2',
  },
  {
    type: 'IVF_RABITQ',
    build: { nlist: 32, refine: true, refine_type: 'SQ8' },
    search: { nprobe: 16, refine_k: 8 },
    recall: 0.8,
    metric: 'L2',
  },
  {
    type: 'SCANN',
    build: { nlist: 32, with_raw_data: true },
    search: { nprobe: 16, reorder_k: 100 },
    recall: 0.9,
    metric: 'IP',
  },
  { type: 'AUTOINDEX', build: {}, search: {}, recall: 0.99, metric: 'L2' },
];
const vectorOf = clusteredOf(DIM);
const queries = Array.from({ length: 10 }, (_, i) => vectorOf(100_000 + i));

describe.each(cases)('$type $metric', ({ type, build, search, recall, metric }) => {
  const name = 'rows';
  const model = new Map<number, number[]>();
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let database: Elanus;
  let client: MilvusClient;
  const insert = async (begin: number, end: number): Promise<void> => {
    const rows = Array.from({ length: end - begin }, (_, i) => ({
      id: begin + i,
      vector: vectorOf(begin + i),
    }));
    await mustSucceed(client.insert({ collection_name: name, data: rows }));
    for (const { id, vector } of rows) model.set(id, vector);
  };
  const remove = async (ids: number[]): Promise<void> => {
    await mustSucceed(client.delete({ collection_name: name, ids }));
    for (const id of ids) model.delete(id);
  };
  const find = async (
    more: { filter?: string; params?: Record<string, number> } = {},
    data = queries,
  ): Promise<{ id: number; score: number }[][]> => {
    const answer = await client.search({
      collection_name: name,
      data,
      limit: 10,
      output_fields: ['id'],
      params: search,
      ...more,
    });
    await mustSucceed(Promise.resolve(answer));
    return answer.results.map((hits) =>
      hits.map(({ id, score }: { id: string; score: number }) => ({ id: Number(id), score })),
    );
  };
  const check = async (): Promise<void> => {
    let found = 0;
    for (const [i, hits] of (await find()).entries()) {
      const query = queries[i] as number[];
      expect(hits.length).toBe(10);
      const truth = new Set(
        bruteForce(metric, query, model)
          .slice(0, 10)
          .map(({ id }) => id),
      );
      for (const { id, score } of hits) {
        const row = model.get(id);
        if (row === undefined) expect.fail(`row ${id} was deleted or never there`);
        expect(score).toBeCloseTo(scoreOf(metric, query, row), 3);
        if (truth.has(id)) found++;
      }
    }
    expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(recall);
  };
  const untilIndexed = (): Promise<boolean> =>
    until('the index is built', async () => {
      const { index_descriptions } = await client.describeIndex({ collection_name: name });
      return index_descriptions[0]?.state === 'Finished' ? true : undefined;
    });

  beforeAll(async () => {
    folder = await tempFolder();
    database = await open(folder.path, { logLevel: 'error' });
    client = await connect(database.address);
    const vectorField = { name: 'vector', data_type: DataType.FloatVector, dim: DIM };
    await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: type,
        metric_type: metric,
        params: build,
      }),
    );
    await insert(0, ROWS);
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    await untilIndexed();
    await mustSucceed(client.loadCollectionSync({ collection_name: name }));
  });
  afterAll(async () => {
    await client.closeConnection();
    await database.close();
    await folder.remove();
  });

  test('finds what exact search finds', check);
  test('deleted rows stay away, fresh rows are found', async () => {
    await remove(Array.from({ length: 300 }, (_, i) => i * 7));
    await insert(ROWS, ROWS + 200);
    await check();
  });
  test('under a filter', async () => {
    const ids = [...model.keys()].filter((id) => id % 50 === 1);
    for (const [i, hits] of (await find({ filter: `id in [${ids.join()}]` })).entries()) {
      const wanted = bruteForce(
        metric,
        queries[i] as number[],
        new Map(ids.map((id) => [id, model.get(id) as number[]])),
      );
      expect(hits.length).toBe(10);
      expect(hits.map(({ id }) => id).filter((id) => ids.includes(id)).length).toBe(10);
      expect(
        hits.filter(({ id }) => wanted.slice(0, 10).some((one) => one.id === id)).length,
      ).toBeGreaterThanOrEqual(Math.ceil(recall * 8));
    }
  });
  test('within a range', async () => {
    const query = queries[0] as number[];
    const all = bruteForce(metric, query, model);
    const [near, far] = [all[5]?.score as number, all[60]?.score as number];
    const hits =
      (await find({ params: { ...search, radius: far, range_filter: near } }, [query, query]))[0] ?? [];
    for (const { score } of hits) {
      if (metric === 'L2') expect(score >= near - 1e-3 && score < far + 1e-3).toBe(true);
      else expect(score <= near + 1e-3 && score > far - 1e-3).toBe(true);
    }
    expect(hits.length).toBe(10);
  });
  test('after a restart', async () => {
    await client.closeConnection();
    await database.close();
    database = await open(folder.path, { logLevel: 'error' });
    client = await connect(database.address);
    await until('it serves', async () =>
      (await client.getLoadState({ collection_name: name })).state === 'LoadStateLoaded' ? true : undefined,
    );
    await check();
  });
});
