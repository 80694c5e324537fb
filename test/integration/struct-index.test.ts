// Indexes over the vectors of struct arrays: built for flushed segments, used by searches for elements and to name the rows that lists of
// vectors are scored with, kept over a restart. Recall is held against loops over the rows.
import { DataType, type FieldType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { elementHits, type ListRow, maxSimHits } from '../oracle/max-sim-oracle.js';
import {
  clusteredOf,
  extraOf,
  keyField,
  lastingWorld,
  mustSucceed,
  until,
  vectorField,
  vectorOf,
} from './support.js';

const DIM = 16;
const ROWS = 2600;
/** Four graphs and lists of 20,000 vectors, on a machine that has other work. */
const BUILD_MS = 60_000;
const vectorAt = clusteredOf(DIM);
const rowOf = (id: number): ListRow => ({
  id,
  vectors: Array.from({ length: id % 17 }, (_, at) => vectorAt(id * 31 + at * 7)),
});
const all = Array.from({ length: ROWS }, (_, id) => rowOf(id));
const fields: FieldType[] = [
  keyField,
  vectorField,
  {
    ...{ name: 'chunks', data_type: DataType.Array, element_type: DataType.Struct, max_capacity: 20 },
    fields: [{ name: 'emb', data_type: DataType.FloatVector, dim: DIM }],
  },
];
const collections = [
  { name: 'hnsw', index_type: 'HNSW', metric_type: 'MAX_SIM_COSINE', builtAs: 'HNSW' },
  { name: 'auto', index_type: 'AUTOINDEX', metric_type: 'MAX_SIM_L2', builtAs: '' },
  { name: 'ivf', index_type: 'IVF_FLAT', metric_type: 'MAX_SIM_IP', builtAs: 'IVF_FLAT' },
  { name: 'elements', index_type: 'HNSW', metric_type: 'L2', builtAs: 'HNSW' },
] as const;

describe('indexes of arrays of vectors', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'error' }, (begun) => {
    client = begun;
  });

  beforeAll(async () => {
    for (const { name, index_type, metric_type } of collections) {
      await mustSucceed(client.createCollection({ collection_name: name, fields }));
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      );
      await mustSucceed(
        client.createIndex({
          ...{ collection_name: name, field_name: 'chunks[emb]', index_type, metric_type },
          params: index_type === 'IVF_FLAT' ? { nlist: 32 } : {},
        }),
      );
      for (let begin = 0; begin < ROWS; begin += 650) {
        const data = all.slice(begin, begin + 650).map(({ id, vectors }) => ({
          ...{ id, vector: vectorOf(id) },
          chunks: vectors.map((emb) => ({ emb })),
        }));
        await mustSucceed(client.insert({ collection_name: name, data }));
      }
      await client.flushSync({ collection_names: [name] });
      await client.loadCollectionSync({ collection_name: name });
    }
  }, 120_000);

  const builtAs = async (name: string): Promise<string> => {
    const described = await client.describeIndex({ collection_name: name, field_name: 'chunks[emb]' });
    const [index] = described.index_descriptions;
    if (Number(index?.pending_index_rows ?? 0) > 0) return '';
    return String(index?.params.find(({ key }) => key === 'elanus.built_as')?.value ?? '');
  };
  const queries = Array.from({ length: 12 }, (_, query) =>
    Array.from({ length: 1 + (query % 5) }, (_, at) => vectorAt(500_000 + query * 100 + at)),
  );

  async function recallOfLists(
    name: string,
    metric: 'COSINE' | 'L2' | 'IP',
    params: Record<string, number>,
  ): Promise<number> {
    let found = 0;
    for (const query of queries) {
      const answer = await client.search({
        ...{ collection_name: name, anns_field: 'chunks[emb]', data: query, limit: 10 },
        ...{ output_fields: ['id'], params },
      });
      expect(answer.status).toMatchObject({ code: 0 });
      const wanted = new Map(
        maxSimHits(metric, query, all)
          .slice(0, 10)
          .map(({ id, score }) => [id, score]),
      );
      for (const hit of answer.results) {
        const score = wanted.get(Number(hit.id));
        if (score === undefined) continue;
        found++;
        expect(Math.abs(score - hit.score) / Math.max(1, Math.abs(score))).toBeLessThan(1e-4);
      }
    }
    return found / (queries.length * 10);
  }

  const compare = async (): Promise<void> => {
    for (const { name, builtAs: wanted } of collections) {
      const built = await until(
        `the index of ${name}`,
        async () => (await builtAs(name)) || undefined,
        BUILD_MS,
      );
      expect([name, built]).toEqual([name, expect.stringContaining(wanted)]);
    }
    await until('the index to be served', async () => {
      const answer = await client.search({
        ...{ collection_name: 'hnsw', anns_field: 'chunks[emb]', data: queries[3] as number[][], limit: 3 },
        ...{ output_fields: ['id'], params: { explain: true } },
      });
      return JSON.stringify(extraOf(answer.status)).includes('max sim of found rows') ? true : undefined;
    });
    expect(await recallOfLists('hnsw', 'COSINE', {})).toBeGreaterThanOrEqual(0.95);
    expect(await recallOfLists('auto', 'L2', {})).toBeGreaterThanOrEqual(0.95);
    expect(await recallOfLists('ivf', 'IP', { nprobe: 32 })).toBeGreaterThanOrEqual(0.95);
    let found = 0;
    for (const [query] of queries) {
      const answer = await client.search({
        ...{ collection_name: 'elements', anns_field: 'chunks[emb]', data: query as number[], limit: 10 },
        ...{ output_fields: ['id'], params: { ef: 64 } },
      });
      const wanted = new Set(
        elementHits('L2', query as number[], all)
          .slice(0, 10)
          .map(({ id, offset }) => `${id} ${offset}`),
      );
      const hits = answer.results as unknown as { readonly id: string; readonly offset: string }[];
      found += hits.filter(({ id, offset }) => wanted.has(`${Number(id)} ${Number(offset)}`)).length;
    }
    expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(0.95);
  };

  it('are built and used', compare, 120_000);

  it('are there after a restart', async () => {
    await world.restart();
    for (const { name } of collections) await client.loadCollectionSync({ collection_name: name });
    await compare();
  }, 120_000);
});
