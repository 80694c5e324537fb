// The collections of a torture run: each a shape of its own, so that every way rows are spread and found is under load at once.
import { DataType, type FieldType } from '@zilliz/milvus2-sdk-node';

export type Metric = 'L2' | 'IP' | 'COSINE';
export interface IndexChoice {
  readonly index_type: string;
  readonly params?: Readonly<Record<string, number>>;
  /** False: hits of the index may miss neighbours, within the floor that the check keeps. */
  readonly isExact: boolean;
}

export interface Shape {
  readonly name: string;
  readonly shards: number;
  readonly hasTextKeys: boolean;
  readonly dim: number;
  readonly metric: Metric;
  /** One of them at a time; the manager of the collection changes it. */
  readonly indexes: readonly IndexChoice[];
  /** Named partitions that come and go; a key belongs to one of them for ever. */
  readonly partitions: readonly string[];
  readonly hasPartitionKey: boolean;
  readonly takesImports: boolean;
  readonly keys: number;
  readonly batchRows: number;
}

const flat: IndexChoice = { index_type: 'FLAT', isExact: true };
const hnsw: IndexChoice = { index_type: 'HNSW', params: { M: 16, efConstruction: 100 }, isExact: false };
const base = {
  hasTextKeys: false,
  partitions: [],
  hasPartitionKey: false,
  takesImports: false,
  dim: 8,
  keys: 900,
  batchRows: 16,
  indexes: [flat],
} as const;

export const shapes: readonly Shape[] = [
  { ...base, name: 'plain', shards: 1, metric: 'L2', takesImports: true },
  {
    ...base,
    name: 'parted',
    shards: 2,
    metric: 'COSINE',
    partitions: ['p0', 'p1', 'p2'],
    takesImports: true,
  },
  { ...base, name: 'keyed', shards: 2, metric: 'IP', hasPartitionKey: true },
  { ...base, name: 'texts', shards: 3, metric: 'L2', hasTextKeys: true },
  {
    ...base,
    name: 'indexed',
    shards: 1,
    metric: 'L2',
    dim: 16,
    keys: 6000,
    batchRows: 250,
    takesImports: true,
    indexes: [
      hnsw,
      { index_type: 'IVF_FLAT', params: { nlist: 16 }, isExact: false },
      { index_type: 'QG', isExact: false },
      { index_type: 'DISKANN', isExact: false },
      flat,
    ],
  },
];

export function fieldsOf(shape: Shape): FieldType[] {
  const key = shape.hasTextKeys
    ? { name: 'id', data_type: DataType.VarChar, max_length: 20, is_primary_key: true }
    : { name: 'id', data_type: DataType.Int64, is_primary_key: true };
  const fields: FieldType[] = [
    key,
    { name: 'vector', data_type: DataType.FloatVector, dim: shape.dim },
    { name: 'value', data_type: DataType.Int64 },
    { name: 'text', data_type: DataType.VarChar, max_length: 40 },
    { name: 'maybe', data_type: DataType.Double, nullable: true },
  ];
  if (shape.hasPartitionKey)
    fields.push({ name: 'tenant', data_type: DataType.Int64, is_partition_key: true });
  return fields;
}
