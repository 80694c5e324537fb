// The vector types of fields: which metrics they can be compared by, and the default.
// `name` is how messages call the family, as Milvus words them.
import { DataType } from '#proto/milvus/schema.js';
import type { MetricName } from './metric-type.js';

export interface VectorTypeSpec {
  readonly dataType: number;
  readonly name: string;
  readonly metrics: readonly MetricName[];
  readonly defaultMetric: MetricName;
}

const dense = { metrics: ['L2', 'IP', 'COSINE'], defaultMetric: 'COSINE' } as const;

export const vectorTypes = {
  FloatVector: { dataType: DataType.FloatVector, name: 'float vector', ...dense },
  Float16Vector: { dataType: DataType.Float16Vector, name: 'float vector', ...dense },
  BFloat16Vector: { dataType: DataType.BFloat16Vector, name: 'float vector', ...dense },
  Int8Vector: { dataType: DataType.Int8Vector, name: 'int vector', ...dense },
  BinaryVector: {
    dataType: DataType.BinaryVector,
    name: 'binary vector',
    metrics: ['HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE', 'MHJACCARD'],
    defaultMetric: 'HAMMING',
  },
  SparseFloatVector: {
    dataType: DataType.SparseFloatVector,
    name: 'sparse vector',
    metrics: ['IP', 'BM25'],
    defaultMetric: 'IP',
  },
} as const satisfies Record<string, VectorTypeSpec>;
export type VectorType = keyof typeof vectorTypes;

const byDataType: ReadonlyMap<number, VectorType> = new Map(
  (Object.keys(vectorTypes) as VectorType[]).map((type) => [vectorTypes[type].dataType, type]),
);
/** Undefined: not a vector. */
export const vectorTypeOf = (dataType: number): VectorType | undefined => byDataType.get(dataType);
