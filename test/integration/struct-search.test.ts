// Searches of arrays of vectors through the real client, held against loops over the rows: lists of vectors find rows, single vectors find
// vectors and return their places; growing, flushed, both, over two shards, after deletes and upserts, with filters, ranges and pages.
import { DataType, type FieldType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementHits, type ListRow, maxSimHits } from '../oracle/max-sim-oracle.js';
import {
  keyField,
  type Metric,
  mustSucceed,
  openWorld,
  vectorField,
  vectorOf,
  type World,
} from './support.js';

const DIM = 8;
const collections = [
  { name: 'max_sim_cosine', index: 'MAX_SIM_COSINE', metric: 'COSINE' },
  { name: 'max_sim', index: 'MAX_SIM', metric: 'COSINE' },
  { name: 'max_sim_ip', index: 'MAX_SIM_IP', metric: 'IP' },
  { name: 'max_sim_l2', index: 'MAX_SIM_L2', metric: 'L2' },
  { name: 'cosine', index: 'COSINE', metric: 'COSINE' },
  { name: 'l2', index: 'L2', metric: 'L2' },
] as const satisfies readonly { name: string; index: string; metric: Metric }[];
const fields: FieldType[] = [
  keyField,
  vectorField,
  { name: 'n', data_type: DataType.Int64 },
  {
    name: 'chunks',
    data_type: DataType.Array,
    element_type: DataType.Struct,
    max_capacity: 20,
    nullable: true,
    fields: [
      { name: 'page', data_type: DataType.Int64 },
      { name: 'emb', data_type: DataType.FloatVector, dim: DIM },
    ],
  },
];

const vectorsOf = (id: number, version: number): number[][] =>
  Array.from({ length: id % 6 }, (_, at) => vectorOf(id * 1000 + version * 100 + at, DIM));
const rowOf = (id: number, version = 0) => ({
  id,
  n: id % 10,
  vector: vectorOf(id),
  chunks: id % 11 === 0 ? null : vectorsOf(id, version).map((emb, page) => ({ emb, page: page + (id % 3) })),
});
const queriesOf = (seed: number): number[][][] =>
  [1, 2, 5, 9].map((count, list) =>
    Array.from({ length: count }, (_, at) => vectorOf(900_000 + seed * 100 + list * 10 + at, DIM)),
  );

describe('searches of arrays of vectors', () => {
  let world: World;
  /** By key: how often it was written. */
  const versions = new Map<number, number>();
  const rows = (): ListRow[] =>
    [...versions].map(([id, version]) => ({ id, vectors: id % 11 === 0 ? [] : vectorsOf(id, version) }));
  const write = async (ids: readonly number[], version: number): Promise<void> => {
    for (const { name } of collections)
      await mustSucceed(
        world.client.upsert({ collection_name: name, data: ids.map((id) => rowOf(id, version)) }),
      );
    for (const id of ids) versions.set(id, version);
  };
  const range = (begin: number, end: number): number[] =>
    Array.from({ length: end - begin }, (_, at) => begin + at);

  beforeAll(async () => {
    world = await openWorld('folder');
    for (const { name, index } of collections) {
      await mustSucceed(world.client.createCollection({ collection_name: name, fields, shards_num: 2 }));
      for (const [field_name, metric_type] of [
        ['vector', 'L2'],
        ['chunks[emb]', index],
      ] as const)
        await mustSucceed(
          world.client.createIndex({ collection_name: name, field_name, index_type: 'HNSW', metric_type }),
        );
      await world.client.loadCollectionSync({ collection_name: name });
    }
  });
  afterAll(() => world.close());

  interface Asked {
    readonly filter?: string;
    readonly passes?: (row: ListRow, offset: number) => boolean;
    readonly limit?: number;
    readonly offset?: number;
  }

  async function compareLists({ filter = '', passes, limit = 12, offset = 0 }: Asked = {}): Promise<void> {
    for (const { name, index, metric } of collections) {
      if (!index.startsWith('MAX_SIM')) continue;
      for (const [at, query] of queriesOf(1).entries()) {
        const answer = await world.client.search({
          ...{ collection_name: name, anns_field: 'chunks[emb]', data: query, filter, limit, offset },
          output_fields: ['id', 'n'],
        });
        expect(answer.status).toMatchObject({ code: 0 });
        const wanted = maxSimHits(
          metric,
          query,
          rows().filter((row) => passes?.(row, 0) ?? true),
        ).slice(offset, offset + limit);
        const label = `${name} ${at}`;
        expect([label, answer.results.map(({ id }) => Number(id))]).toEqual([
          label,
          wanted.map(({ id }) => id),
        ]);
        for (const [hit, { score }] of wanted.entries())
          expect(Math.abs((answer.results[hit]?.score ?? 0) - score)).toBeLessThan(1e-4 * query.length);
      }
    }
  }

  async function compareElements({ filter = '', passes, limit = 12, offset = 0 }: Asked = {}): Promise<void> {
    for (const { name, index, metric } of collections) {
      if (index.startsWith('MAX_SIM')) continue;
      const [query] = queriesOf(2)[0] as number[][];
      const answer = await world.client.search({
        ...{
          collection_name: name,
          anns_field: 'chunks[emb]',
          data: [query as number[]],
          filter,
          limit,
          offset,
        },
        output_fields: ['id', 'chunks[page]'],
      });
      expect(answer.status).toMatchObject({ code: 0 });
      const hits = answer.results as unknown as ElementHit[];
      const wanted = elementHits(metric, query as number[], rows(), passes).slice(offset, offset + limit);
      expect(hits.map((hit) => [Number(hit.id), Number(hit.offset)])).toEqual(
        wanted.map((hit) => [hit.id, hit.offset]),
      );
      for (const hit of hits)
        expect(hit.chunks[Number(hit.offset)]?.page).toBe(String(Number(hit.offset) + (Number(hit.id) % 3)));
    }
  }

  interface ElementHit {
    readonly id: string;
    readonly offset: string;
    readonly chunks: readonly { readonly page: string }[];
  }

  const compare = async (asked?: Asked): Promise<void> => {
    await compareLists(asked);
    await compareElements(asked);
  };

  it('agree with the loops while rows grow', async () => {
    await write(range(0, 150), 0);
    await compare();
    await compare({ limit: 200 });
    await compare({ limit: 5, offset: 7 });
  });

  it('agree when rows are in files, and in both', async () => {
    for (const { name } of collections) await world.client.flushSync({ collection_names: [name] });
    await compare();
    await write(range(150, 200), 0);
    await compare();
  });

  it('find the newest rows only after upserts and deletes', async () => {
    await write(range(20, 60), 1);
    for (const { name } of collections)
      await mustSucceed(world.client.delete({ collection_name: name, ids: range(100, 120) }));
    for (const id of range(100, 120)) versions.delete(id);
    await compare({ limit: 40 });
  });

  it('use filters', async () => {
    await compare({ filter: 'n in [3, 4, 5]', passes: ({ id }) => [3, 4, 5].includes(id % 10) });
    await compare({ filter: 'id in [1, 2, 3, 4, 5]', passes: ({ id }) => id >= 1 && id <= 5 });
    await compare({ filter: 'n > 100', passes: () => false });
  });

  it('use ranges', async () => {
    const [query] = queriesOf(3).slice(2) as [number[][]];
    for (const { name, index, metric } of collections) {
      if (!index.startsWith('MAX_SIM')) continue;
      const all = maxSimHits(metric, query, rows());
      const radius = ((all[20]?.score ?? 0) + (all[21]?.score ?? 0)) / 2;
      const range_filter = ((all[4]?.score ?? 0) + (all[5]?.score ?? 0)) / 2;
      const answer = await world.client.search({
        ...{ collection_name: name, anns_field: 'chunks[emb]', data: query, limit: 100 },
        ...{ output_fields: ['id'], params: { radius, range_filter } },
      });
      expect(answer.results.map(({ id }) => Number(id))).toEqual(all.slice(5, 21).map(({ id }) => id));
    }
  });

  it('say what is wrong with a query', async () => {
    const search = (data: number[] | number[][], more: object = {}) =>
      world.client.search({
        collection_name: 'max_sim_ip',
        anns_field: 'chunks[emb]',
        data,
        output_fields: ['id'],
        limit: 3,
        ...more,
      });
    expect((await search([[1, 2, 3]])).status.reason).toContain('vector dimension mismatch');
    expect(
      (await search(queriesOf(1)[1] as number[][], { metric_type: 'MAX_SIM_L2' })).status.reason,
    ).toContain('metric type not match: invalid parameter[expected=MAX_SIM_IP][actual=MAX_SIM_L2]');
    const several = await world.client.search({
      collection_name: 'max_sim_ip',
      data: [vectorOf(1)],
      output_fields: ['id'],
      limit: 1,
    });
    expect(several.status.code).toBe(0);
    const index = (metric_type: string) =>
      world.client.createIndex({
        ...{ collection_name: 'max_sim_ip', field_name: 'chunks[emb]', index_type: 'HNSW', metric_type },
      });
    expect((await index('MAX_SIM_HAMMING')).reason).toContain('does not support metric type: ');
    expect((await index('MAX_SIM_IP')).code).toBe(0);
    expect((await index('MAX_SIM_L2')).reason).toContain('at most one distinct index is allowed per field');
  });
});
