// What a declaration says of one field, as plain data. The functions that make declarations (fields.ts) fill it in; messages to the server,
// comparisons with what the server has, and conversions of rows read it.
import type { DataType } from '#proto/milvus/schema.js';

/** Codes of the protocol. They are written out here so that a declaration does not load the protocol's messages. */
export const dataTypes = {
  Bool: 1,
  Int8: 2,
  Int16: 3,
  Int32: 4,
  Int64: 5,
  Float: 10,
  Double: 11,
  VarChar: 21,
  Array: 22,
  JSON: 23,
  Geometry: 24,
  Text: 25,
  Timestamptz: 26,
  BinaryVector: 100,
  FloatVector: 101,
  Float16Vector: 102,
  BFloat16Vector: 103,
  SparseFloatVector: 104,
  Int8Vector: 105,
  ArrayOfVector: 106,
  ArrayOfStruct: 200,
} as const satisfies Partial<typeof DataType>;
export type TypeName = keyof typeof dataTypes;

export type VectorTypeName =
  | 'BinaryVector'
  | 'FloatVector'
  | 'Float16Vector'
  | 'BFloat16Vector'
  | 'SparseFloatVector'
  | 'Int8Vector';
export type ElementTypeName = 'Bool' | 'Int8' | 'Int16' | 'Int32' | 'Int64' | 'Float' | 'Double' | 'VarChar';

export type Metric =
  | 'L2'
  | 'IP'
  | 'COSINE'
  | 'HAMMING'
  | 'JACCARD'
  | 'MHJACCARD'
  | 'MAX_SIM'
  | 'MAX_SIM_COSINE'
  | 'MAX_SIM_IP'
  | 'MAX_SIM_L2'
  | 'MAX_SIM_HAMMING'
  | 'MAX_SIM_JACCARD';

/** An index of a field: its type, for vectors a metric, and parameters of the type as docs/compat.md lists them. */
export interface IndexSpec {
  /** AUTOINDEX for vectors when not given. */
  readonly type?: string;
  readonly metric?: Metric;
  /** The field's name when not given. */
  readonly name?: string;
  /** `{ M: 16, efConstruction: 200 }` */
  readonly params?: Readonly<Record<string, string | number | boolean>>;
}

/** The index of a field, whether it was named or follows from the field. */
export interface FieldIndexSpec extends Omit<IndexSpec, 'metric'> {
  readonly metric?: Metric | 'BM25';
}

export type DefaultValue = boolean | number | bigint | string;

export interface FieldSpec {
  readonly type: TypeName;
  /** Type parameters of the protocol: `dim`, `max_length`, `max_capacity`. */
  readonly params: Readonly<Record<string, string>>;
  /** Type of the elements of an array. */
  readonly element?: ElementTypeName | undefined;
  /** Fields of a struct array. */
  readonly members?: Readonly<Record<string, FieldSpec>> | undefined;
  readonly isPrimaryKey?: boolean;
  readonly isAutoId?: boolean;
  readonly isPartitionKey?: boolean;
  readonly isClusteringKey?: boolean;
  readonly isNullable?: boolean;
  readonly defaultValue?: DefaultValue | undefined;
  readonly description?: string | undefined;
  readonly index?: FieldIndexSpec | undefined;
  /** Name of the text field of whose words the server makes the values, by BM25. */
  readonly wordsOf?: string | undefined;
}

export const isVectorName = (type: TypeName): type is VectorTypeName =>
  dataTypes[type] >= dataTypes.BinaryVector && dataTypes[type] <= dataTypes.Int8Vector;

export const dimOfSpec = (spec: FieldSpec): number => Number(spec.params.dim ?? 0);
