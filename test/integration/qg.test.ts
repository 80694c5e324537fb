// The quantised graph through the unmodified client: built with 1 and 2 bits from a flushed segment, searched beside fresh rows and deletes,
// under filters that many and few rows pass, within a range, and after a restart.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  bruteForce,
  connect,
  keyField,
  type Metric,
  mustSucceed,
  randomOf,
  tempFolder,
  until,
} from './support.js';

const DIM = 24;
const ROWS = 3000;
const name = 'rows';
function vectorOf(id: number): number[] {
  const [centre, next] = [randomOf((id % 16) + 1000), randomOf(id * 7919 + 3)];
  return Array.from({ length: DIM }, () => Math.fround(centre() * 3 + next()));
}

const queries = Array.from({ length: 10 }, (_, i) => vectorOf(100_000 + i));
interface Hit {
  readonly id: number;
  readonly score: number;
}

async function find(client: MilvusClient, more: object = {}): Promise<Hit[][]> {
  const answer = await client.search({
    collection_name: name,
    data: queries,
    limit: 10,
    params: { ef: 100 },
    ...more,
  });
  await mustSucceed(Promise.resolve(answer));
  return (answer.results as unknown as readonly (readonly { id: string; score: number }[])[]).map((hits) =>
    hits.map(({ id, score }) => ({ id: Number(id), score })),
  );
}

describe.each([
  { bits: 1, metric: 'L2' },
  { bits: 2, metric: 'COSINE' },
  { bits: 2, metric: 'IP' },
] as const)('QG, $bits bits, $metric', ({ bits, metric }: { bits: number; metric: Metric }) => {
  test('lives through fresh rows, deletes, filters and a restart', async () => {
    const folder = await tempFolder();
    let database = await open(folder.path, { logLevel: 'error' });
    let client = await connect(database.address);
    const model = new Map<number, number[]>();
    const insert = async (begin: number, end: number): Promise<void> => {
      const data = Array.from({ length: end - begin }, (_, i) => ({
        id: begin + i,
        vector: vectorOf(begin + i),
      }));
      await mustSucceed(client.insert({ collection_name: name, data }));
      for (const { id, vector } of data) model.set(id, vector);
    };
    const check = async (counts?: (id: number) => boolean): Promise<void> => {
      const rows = new Map([...model].filter(([id]) => counts?.(id) ?? true));
      let found = 0;
      const filter = counts && { filter: `id in [${[...rows.keys()].join()}]` };
      for (const [i, hits] of (await find(client, filter)).entries()) {
        expect(hits).toHaveLength(10);
        const truth = new Set(
          bruteForce(metric, queries[i] as number[], rows)
            .slice(0, 10)
            .map(({ id }) => id),
        );
        for (const { id } of hits) {
          expect(rows.has(id)).toBe(true);
          if (truth.has(id)) found++;
        }
      }
      expect(found / (queries.length * 10)).toBeGreaterThan(0.95);
    };
    try {
      const vectorField = { name: 'vector', data_type: DataType.FloatVector, dim: DIM };
      await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
      const index = { index_type: 'QG', metric_type: metric, params: { M: 16, efConstruction: 100, bits } };
      await mustSucceed(client.createIndex({ collection_name: name, field_name: 'vector', ...index }));
      await insert(0, ROWS);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      await until('the index is built', async () => {
        const { index_descriptions } = await client.describeIndex({ collection_name: name });
        return index_descriptions[0]?.state === 'Finished' ? true : undefined;
      });
      await mustSucceed(client.loadCollectionSync({ collection_name: name }));
      await check();
      const gone = Array.from({ length: 300 }, (_, i) => i * 7);
      await mustSucceed(client.delete({ collection_name: name, ids: gone }));
      for (const id of gone) model.delete(id);
      await insert(ROWS, ROWS + 200);
      await check();
      await check((id) => id % 2 === 1);
      await check((id) => id % 60 === 1);
      const all = bruteForce(metric, queries[0] as number[], model);
      const [near, far] = [all[5]?.score as number, all[60]?.score as number];
      const [hits = []] = await find(client, { params: { ef: 100, radius: far, range_filter: near } });
      expect(hits).toHaveLength(10);
      const [low, high] = metric === 'L2' ? [near, far] : [far, near];
      for (const { score } of hits) expect(score > low - 1e-3 && score < high + 1e-3).toBe(true);
      await client.closeConnection();
      await database.close();
      database = await open(folder.path, { logLevel: 'error' });
      client = await connect(database.address);
      await until('it serves', async () =>
        (await client.getLoadState({ collection_name: name })).state === 'LoadStateLoaded' ? true : undefined,
      );
      await check();
    } finally {
      await client.closeConnection();
      await database.close();
      await folder.remove();
    }
  });
});
