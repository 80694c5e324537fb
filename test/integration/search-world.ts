// A collection for every form of search: dense, sparse and binary vectors of small whole numbers, whose scores are exact and often equal, beside
// scalars to filter, group and order by. Its rows are flushed, growing, written again and deleted, over two shards; a model knows them all.
import { DataType, type FieldType } from '@zilliz/milvus2-sdk-node';
import type { OracleMetric } from '../oracle/search-oracle.js';
import { keyField, mustSucceed, openWorld, randomOf, type World } from './support.js';

const DENSE_DIM = 4;
const BITS = 32;

export interface SearchRow {
  readonly id: number;
  readonly dense: number[];
  readonly other: number[];
  readonly sparse: Record<string, number>;
  readonly bits: number[];
  readonly n: number;
  readonly tag: string;
  readonly flag: boolean;
  readonly maybe: number | null;
  readonly price: number;
  readonly doc: Record<string, unknown>;
  /** A dynamic key. */
  readonly kind?: string | number;
}

export const vectorMetrics = {
  dense: 'L2',
  other: 'IP',
  sparse: 'IP',
  bits: 'HAMMING',
} as const satisfies Record<string, OracleMetric>;
export type VectorName = keyof typeof vectorMetrics;
export type QueryVector = number[] | Record<string, number>;

const small = (next: () => number, count: number): number => Math.floor(((next() + 1) / 2) * count) % count;

export function vectorFor(field: VectorName, seed: number): QueryVector {
  const next = randomOf(seed * 31 + field.length);
  switch (field) {
    case 'dense':
    case 'other':
      return Array.from({ length: DENSE_DIM }, () => small(next, 5) - 2);
    case 'sparse':
      return { [small(next, 4)]: 1 + small(next, 3), [4 + small(next, 4)]: 1 + small(next, 3) };
    case 'bits':
      return Array.from({ length: BITS / 8 }, () => small(next, 256));
  }
}

function searchRow(id: number, version = 0): SearchRow {
  const seed = id * 10 + version;
  const next = randomOf(seed);
  const n = small(next, 7);
  return {
    id,
    dense: vectorFor('dense', seed) as number[],
    other: vectorFor('other', seed + 1) as number[],
    sparse: vectorFor('sparse', seed) as Record<string, number>,
    bits: vectorFor('bits', seed) as number[],
    n,
    tag: `t${small(next, 12)}`,
    flag: small(next, 2) === 1,
    maybe: id % 4 === 0 ? null : small(next, 5),
    price: small(next, 1000) / 8,
    doc: { a: { b: small(next, 4) }, s: `s${small(next, 3)}`, ...(id % 5 === 0 ? {} : { o: n % 2 === 0 }) },
    ...(id % 3 === 0 ? {} : { kind: id % 3 === 1 ? `k${n % 3}` : n % 3 }),
  };
}

export function scoreFor(field: VectorName, query: QueryVector, row: SearchRow): number {
  if (field === 'sparse') {
    const asked = query as Record<string, number>;
    return Object.entries(row.sparse).reduce((sum, [at, value]) => sum + value * (asked[at] ?? 0), 0);
  }
  const [a, b] = [query as number[], row[field]];
  if (field === 'bits') return a.reduce((sum, byte, at) => sum + onesOf(byte ^ (b[at] ?? 0)), 0);
  if (field === 'other') return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  return a.reduce((sum, value, at) => sum + (value - (b[at] ?? 0)) ** 2, 0);
}

const onesOf = (byte: number): number => byte.toString(2).replaceAll('0', '').length;

/** Rows that a search of the field can find: an inverted index finds no row that shares no dimension. */
export const isFound = (field: VectorName, query: QueryVector, row: SearchRow): boolean =>
  field !== 'sparse' || scoreFor(field, query, row) > 0;

const fields: FieldType[] = [
  keyField,
  { name: 'dense', data_type: DataType.FloatVector, dim: DENSE_DIM },
  { name: 'other', data_type: DataType.FloatVector, dim: DENSE_DIM },
  { name: 'sparse', data_type: DataType.SparseFloatVector },
  { name: 'bits', data_type: DataType.BinaryVector, dim: BITS },
  { name: 'n', data_type: DataType.Int32 },
  { name: 'tag', data_type: DataType.VarChar, max_length: 16 },
  { name: 'flag', data_type: DataType.Bool },
  { name: 'maybe', data_type: DataType.Int64, nullable: true },
  { name: 'price', data_type: DataType.Double },
  { name: 'doc', data_type: DataType.JSON },
];

const indexes = [
  ['dense', 'FLAT', 'L2'],
  ['other', 'FLAT', 'IP'],
  ['sparse', 'SPARSE_INVERTED_INDEX', 'IP'],
  ['bits', 'BIN_FLAT', 'HAMMING'],
] as const;

export const COLLECTION = 'forms';

export interface SearchWorld extends World {
  /** The rows there are, by key. */
  readonly rows: Map<number, SearchRow>;
  write(ids: readonly number[], version: number): Promise<void>;
}

const range = (begin: number, end: number): number[] =>
  Array.from({ length: end - begin }, (_, at) => begin + at);

export async function openSearchWorld(): Promise<SearchWorld> {
  const world = await openWorld('memory');
  const { client } = world;
  const rows = new Map<number, SearchRow>();
  const write = async (ids: readonly number[], version: number): Promise<void> => {
    const data = ids.map((id) => searchRow(id, version));
    await mustSucceed(client.upsert({ collection_name: COLLECTION, data: data as never }));
    for (const row of data) rows.set(row.id, row);
  };
  await mustSucceed(
    client.createCollection({
      collection_name: COLLECTION,
      fields,
      enable_dynamic_field: true,
      shards_num: 2,
    }),
  );
  for (const [field_name, index_type, metric_type] of indexes)
    await mustSucceed(
      client.createIndex({ collection_name: COLLECTION, field_name, index_type, metric_type }),
    );
  await mustSucceed(client.loadCollection({ collection_name: COLLECTION }));
  await write(range(0, 300), 0);
  await client.flushSync({ collection_names: [COLLECTION] });
  await write(range(250, 420), 1);
  const gone = range(0, 420).filter((id) => id % 17 === 0);
  await mustSucceed(client.delete({ collection_name: COLLECTION, filter: `id in [${gone.join(', ')}]` }));
  for (const id of gone) rows.delete(id);
  return { ...world, rows, write };
}
