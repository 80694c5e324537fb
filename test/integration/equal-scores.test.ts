// Pages by offset over three scores that all rows share, with keys in no order: together they have each row once, and are one large search. By every
// kind of index, over rows that are compacted, in files and fresh; and where copies of keys lie in several places.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { connect, mustSucceed, until } from './support.js';

const ROWS = 1500;
const SEALED = 1250;
const PAGE = 310;
const DIM = 8;
/** 7 and 1500 have no common divisor. */
const keyOf = (row: number): number => (row * 7) % ROWS;
const groupOf = (row: number): number => row % 3;
const vectorOf = (row: number): number[] =>
  Array.from({ length: DIM }, (_, at) => (at === 0 ? groupOf(row) : 1));
const rowOf = (row: number): { id: number } & Record<string, unknown> => ({
  id: keyOf(row),
  group: groupOf(row),
  ...Object.fromEntries(floatFields.map(({ name }) => [name, vectorOf(row)])),
  bin_flat: [groupOf(row) === 0 ? 0 : groupOf(row) === 1 ? 1 : 3],
  sparse: { 7: 3 - groupOf(row) },
});

const floatFields = [
  { name: 'flat', index_type: 'FLAT', params: {}, search: {} },
  { name: 'hnsw', index_type: 'HNSW', params: { M: 8, efConstruction: 40 }, search: {} },
  { name: 'auto', index_type: 'AUTOINDEX', params: {}, search: {} },
  { name: 'ivf', index_type: 'IVF_FLAT', params: { nlist: 4 }, search: { nprobe: 4 } },
] as const;
const fields = [
  ...floatFields.map((field) => ({ ...field, metric_type: 'L2', query: new Array(DIM).fill(0) })),
  {
    ...{ name: 'bin_flat', index_type: 'BIN_FLAT', params: {}, search: {} },
    ...{ metric_type: 'HAMMING', query: [0] },
  },
  {
    ...{ name: 'sparse', index_type: 'SPARSE_INVERTED_INDEX', params: {}, search: {} },
    ...{ metric_type: 'IP', query: { 7: 1 } },
  },
];
/** By group, and in a group by key. */
const sorted = (rows: readonly number[]): number[] =>
  [...rows].sort((a, b) => groupOf(a) - groupOf(b) || keyOf(a) - keyOf(b)).map(keyOf);

describe('pages among equal scores', () => {
  const name = 'ties';
  let database: Elanus;
  let client: MilvusClient;
  beforeAll(async () => {
    database = await open(undefined, { logLevel: 'error' });
    client = await connect(database.address);
    await mustSucceed(
      client.createCollection({
        collection_name: name,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'group', data_type: DataType.Int64 },
          ...floatFields.map((field) => ({ name: field.name, data_type: DataType.FloatVector, dim: DIM })),
          { name: 'bin_flat', data_type: DataType.BinaryVector, dim: 8 },
          { name: 'sparse', data_type: DataType.SparseFloatVector },
        ],
      }),
    );
    for (const { name: field_name, index_type, metric_type, params } of fields)
      await mustSucceed(
        client.createIndex({ collection_name: name, field_name, index_type, metric_type, params }),
      );
    await mustSucceed(client.loadCollection({ collection_name: name }));
    const rows = Array.from({ length: ROWS }, (_, row) => rowOf(row));
    const insert = (begin: number, end: number): Promise<unknown> =>
      mustSucceed(client.insert({ collection_name: name, data: rows.slice(begin, end) as never }));
    await insert(0, 600);
    await client.flushSync({ collection_names: [name] });
    await insert(600, SEALED);
    await client.flushSync({ collection_names: [name] });
    const { compactionID } = await client.compact({ collection_name: name });
    await until('the compaction ends', async () => {
      const { state } = await client.getCompactionState({ compactionID });
      return `${state}` === 'Completed' ? true : undefined;
    });
    for (const { name: field_name } of fields)
      await until('the index', async () => {
        const { index_descriptions } = await client.describeIndex({ collection_name: name, field_name });
        return Number(index_descriptions[0]?.indexed_rows) === SEALED ? true : undefined;
      });
    // Rows that are fresh, some of keys that are in files too.
    await insert(SEALED, ROWS);
    await mustSucceed(client.upsert({ collection_name: name, data: rows.slice(100, 140) as never }));
  }, 60_000);
  afterAll(async () => {
    await client.closeConnection();
    await database.close();
  });

  const find = async (
    { name: anns_field, query, search }: (typeof fields)[number],
    limit: number,
    offset: number,
    more: object = {},
  ): Promise<number[]> => {
    const answer = await client.search({
      ...{ collection_name: name, anns_field, data: query as never, limit, offset },
      ...{ params: search, output_fields: ['id'], consistency_level: 'Strong', ...more },
    } as never);
    await mustSucceed(Promise.resolve(answer));
    return answer.results.map(({ id }: { id: string }) => Number(id));
  };

  it.each(fields)('by $name', async (field) => {
    const all = sorted(Array.from({ length: ROWS }, (_, row) => row));
    const pages: number[] = [];
    for (let offset = 0; offset < ROWS; offset += PAGE) pages.push(...(await find(field, PAGE, offset)));
    expect(pages).toEqual(all);
    expect(await find(field, ROWS, 0)).toEqual(all);
    expect(await find(field, 1, 7)).toEqual(all.slice(7, 8));
    const filter = 'group in [1, 2]';
    expect(await find(field, 20, 30, { filter })).toEqual(
      all.filter((id) => all.indexOf(id) >= ROWS / 3).slice(30, 50),
    );
  });
});
