// The words of a declaration: `int64().primaryKey()`, `varchar(200).nullable()`, `floatVector(384).index({ metric: 'COSINE' })`. Each call
// gives a new field; none changes the one that it is called on.
import type { DefaultValue, ElementTypeName, FieldSpec, IndexSpec } from './field-spec.js';
import type { Plain, Traits, traits, With } from './traits.js';

/** A field of a declaration. */
export class Field<T extends Traits> {
  declare readonly [traits]: T;
  readonly spec: FieldSpec;

  constructor(spec: FieldSpec) {
    this.spec = spec;
  }
}

/** A field that may be null, have a default and an index. */
export class ScalarField<T extends Traits> extends Field<T> {
  /** Rows may leave it out or set it to null. */
  nullable(): ScalarField<With<T, { isNullable: true; isOptional: true }>> {
    return new ScalarField({ ...this.spec, isNullable: true });
  }

  /** Rows that leave it out have this value. */
  default(value: T['in'] & DefaultValue): ScalarField<With<T, { isOptional: true }>> {
    return new ScalarField({ ...this.spec, defaultValue: value });
  }

  /** Segments are put together by its values when they are compacted. */
  clusteringKey(): ScalarField<T> {
    return new ScalarField({ ...this.spec, isClusteringKey: true });
  }

  /** @param spec INVERTED, STL_SORT, BITMAP, NGRAM and others, as docs/compat.md says for the type */
  index(spec: IndexSpec & { readonly type: string }): ScalarField<T> {
    return new ScalarField({ ...this.spec, index: spec });
  }

  describe(description: string): ScalarField<T> {
    return new ScalarField({ ...this.spec, description });
  }
}

/** Int64 and VarChar, which can be keys. */
export class KeyField<T extends Traits> extends ScalarField<T> {
  primaryKey(): Field<With<T, { isKey: true }>> {
    return new Field({ ...this.spec, isPrimaryKey: true });
  }

  /** A primary key that the server gives; rows that are inserted have none. */
  autoId(): Field<With<T, { isKey: true; isAuto: true }>> {
    return new Field({ ...this.spec, isPrimaryKey: true, isAutoId: true });
  }

  /** Rows are spread over partitions by its values. */
  partitionKey(): ScalarField<T> {
    return new ScalarField({ ...this.spec, isPartitionKey: true });
  }
}

/** Texts, which can have an analyzer: what makes words of them. */
export class TextField<T extends Traits> extends KeyField<T> {
  /**
   * Texts have words: filters may ask for them, and `bm25` makes vectors of them.
   * @param analyzer a built-in type, such as 'english', or parameters as docs/full-text.md lists them; 'standard' when not given
   */
  analyzer(analyzer: string | AnalyzerParams = 'standard'): ScalarField<T> {
    const params = typeof analyzer === 'string' ? { type: analyzer } : analyzer;
    const words = { enable_analyzer: 'true', enable_match: 'true', analyzer_params: JSON.stringify(params) };
    return new ScalarField({ ...this.spec, params: { ...this.spec.params, ...words } });
  }
}

/** `{ tokenizer: 'standard', filter: ['lowercase', { type: 'stop', stop_words: ['of'] }] }` */
export type AnalyzerParams = Readonly<Record<string, unknown>>;

/** A sparse vector that the server makes of the words of a text. */
export class Bm25Field<T extends Traits> extends Field<T> {
  /** @param spec parameters of BM25, `{ params: { bm25_k1: 1.5, bm25_b: 0.6 } }`; SPARSE_INVERTED_INDEX where it names no type */
  index(spec: Omit<IndexSpec, 'metric'>): Bm25Field<T> {
    return new Bm25Field({ ...this.spec, index: { ...this.spec.index, ...spec } });
  }

  describe(description: string): Bm25Field<T> {
    return new Bm25Field({ ...this.spec, description });
  }
}

export class VectorField<T extends Traits> extends Field<T> {
  nullable(): VectorField<With<T, { isNullable: true; isOptional: true }>> {
    return new VectorField({ ...this.spec, isNullable: true });
  }

  /** Without it a vector field has an AUTOINDEX with the metric that is usual for its type. */
  index(spec: IndexSpec): VectorField<T> {
    return new VectorField({ ...this.spec, index: spec });
  }

  describe(description: string): VectorField<T> {
    return new VectorField({ ...this.spec, description });
  }
}

const plain = (type: FieldSpec['type'], params: FieldSpec['params'] = {}): FieldSpec => ({ type, params });

type Numbers<Type extends ElementTypeName, Packed> = ScalarField<Plain<Type, number, number, Packed>>;
export const bool = (): ScalarField<Plain<'Bool', boolean, boolean, Uint8Array>> =>
  new ScalarField(plain('Bool'));
export const int8 = (): Numbers<'Int8', Int8Array> => new ScalarField(plain('Int8'));
export const int16 = (): Numbers<'Int16', Int16Array> => new ScalarField(plain('Int16'));
export const int32 = (): Numbers<'Int32', Int32Array> => new ScalarField(plain('Int32'));
export const int64 = (): KeyField<Plain<'Int64', bigint, bigint, BigInt64Array>> =>
  new KeyField(plain('Int64'));
export const float = (): Numbers<'Float', Float32Array> => new ScalarField(plain('Float'));
export const double = (): Numbers<'Double', Float64Array> => new ScalarField(plain('Double'));

/** @param maxLength largest length in bytes of UTF-8, up to 65,535 */
export const varchar = (maxLength: number): TextField<Plain<'VarChar', string, string, never>> =>
  new TextField(plain('VarChar', { max_length: String(maxLength) }));

/** A text without a largest length. It is no key. */
export const text = (): Omit<
  TextField<Plain<'Text', string, string, never>>,
  'primaryKey' | 'autoId' | 'partitionKey'
> => new TextField(plain('Text'));

/** Any value of JSON. `T` says what it is; nothing checks it. Integers beyond 2^53 are bigint, both ways. */
export const json = <T = unknown>(): ScalarField<Plain<'JSON', T, T, never>> =>
  new ScalarField(plain('JSON'));

/** A point in time: written as Date or ISO 8601, read as ISO 8601, which keeps microseconds. */
export const timestamptz = (): ScalarField<Plain<'Timestamptz', Date | string, string, never>> =>
  new ScalarField(plain('Timestamptz'));

/** A geometry as WKT, `POINT (13.4 52.5)`. */
export const geometry = (): ScalarField<Plain<'Geometry', string, string, never>> =>
  new ScalarField(plain('Geometry'));

const CAPACITY_MAX = 4096;

/** @param capacity largest number of elements, up to 4,096 */
export function array<T extends Traits>(
  element: ScalarField<T>,
  capacity = CAPACITY_MAX,
): ScalarField<Plain<'Array', readonly T['in'][], T['out'][], never, T['in']>> {
  const { type, params } = element.spec;
  return new ScalarField({
    type: 'Array',
    element: type as ElementTypeName,
    params: { ...params, max_capacity: String(capacity) },
  });
}

const vector = (type: FieldSpec['type'], dim: number): FieldSpec => plain(type, { dim: String(dim) });

export const floatVector = (
  dim: number,
): VectorField<Plain<'FloatVector', Float32Array | readonly number[], Float32Array, Float32Array>> =>
  new VectorField(vector('FloatVector', dim));

type HalfVector<Type extends 'Float16Vector' | 'BFloat16Vector'> = VectorField<
  Plain<Type, Float32Array | readonly number[] | Uint16Array, Float32Array, Uint16Array>
>;
/** Two bytes a number: written as numbers, which are rounded, or as their bits in a Uint16Array; read as Float32Array. */
export const float16Vector = (dim: number): HalfVector<'Float16Vector'> =>
  new VectorField(vector('Float16Vector', dim));
/** As `float16Vector`, with the range of float32 and fewer digits. */
export const bfloat16Vector = (dim: number): HalfVector<'BFloat16Vector'> =>
  new VectorField(vector('BFloat16Vector', dim));

export const int8Vector = (
  dim: number,
): VectorField<Plain<'Int8Vector', Int8Array | readonly number[], Int8Array, Int8Array>> =>
  new VectorField(vector('Int8Vector', dim));

/** Eight bits a byte; `dim` counts bits. */
export const binaryVector = (
  dim: number,
): VectorField<Plain<'BinaryVector', Uint8Array, Uint8Array, Uint8Array>> =>
  new VectorField(vector('BinaryVector', dim));

/** Values at ascending indexes. */
export interface SparseVector {
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}
export type SparseInput =
  | { readonly indices: ArrayLike<number>; readonly values: ArrayLike<number> }
  | ReadonlyMap<number, number>
  | Readonly<Record<number, number>>;
export const sparseVector = (): VectorField<Plain<'SparseFloatVector', SparseInput, SparseVector, never>> =>
  new VectorField(plain('SparseFloatVector'));

/**
 * The words of a text field with an analyzer, as BM25 weighs them: searched by a text, neither written nor read.
 * @param field name of the text field
 */
export const bm25 = (
  field: string,
): Bm25Field<With<Plain<'SparseFloatVector', string, never, never>, { isMade: true }>> =>
  new Bm25Field({
    ...plain('SparseFloatVector'),
    wordsOf: field,
    index: { type: 'SPARSE_INVERTED_INDEX', metric: 'BM25' },
  });

export type Members = Readonly<Record<string, Field<Traits>>>;
type StructIn<M extends Members> = { readonly [Name in keyof M]: M[Name][typeof traits]['in'] };
type StructOut<M extends Members> = { [Name in keyof M]: M[Name][typeof traits]['out'] };

/** A list of small records in each row, such as the chunks of a document with a vector each. */
export function structArray<M extends Members>(
  members: M,
  capacity = CAPACITY_MAX,
): ScalarField<Plain<'ArrayOfStruct', readonly StructIn<M>[], StructOut<M>[], never, M>> {
  const specs = Object.entries(members).map(([name, { spec }]) => [name, spec] as const);
  return new ScalarField({
    type: 'ArrayOfStruct',
    params: { max_capacity: String(capacity) },
    members: Object.fromEntries(specs),
  });
}
