// The query vectors of a search: PlaceholderGroup bytes to one flat block of bytes, as the field's rows have them.
// Sizes are checked here, at once, so that nothing behind the proxy meets a vector of the wrong length.
import { briefBytes } from '#base/brief-arrays.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { decodeBounded, INNER_UNITS_MAX, unitsAtMost } from '#model/bounded-decode.js';
import { findNotFiniteIn, placeholderOf, vectorWidth } from '#model/columns/dense-vector.js';
import { packSparseQueries } from '#model/columns/sparse-column.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { elementField, isVectorList } from '#model/schema/struct-arrays.js';
import { PlaceholderGroup, PlaceholderType, type PlaceholderValue } from '#proto/milvus/common.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';

const NQ_MAX = 16_384;

export interface QueryVectors {
  /** nq vectors of the field's type, contiguous; an own copy that starts at an aligned address. Sparse: see `packSparseQueries`. */
  readonly queries: Uint8Array;
  readonly nq: number;
  readonly dim: number;
  /** Where each query is a list: how many vectors each has, uint32; else empty. */
  readonly listLengths: Uint8Array;
}

/**
 * @param ofLists each query is a list of vectors
 * @throws invalid_parameter, vector_dim_mismatch
 */
export function parsePlaceholderGroup(bytes: Uint8Array, sent: FieldSchema, ofLists = false): QueryVectors {
  const field = isVectorList(sent) ? elementField(sent) : sent;
  return queryVectors(parsePlaceholder(bytes, field, isVectorList(sent)).values, field, ofLists);
}

const utf8 = new TextDecoder();

/** The texts of a search for words. @throws invalid_parameter */
export function parseTexts(bytes: Uint8Array, field: FieldSchema): string[] {
  const [placeholder, ...others] = decodeGroup(bytes).placeholders;
  if (placeholder === undefined) return refuse('placeholder_group is empty; send at least one text');
  if (others.length > 0) refuse(`placeholder_group has ${others.length + 1} placeholders, expected 1`);
  if (placeholder.type !== PlaceholderType.VarChar)
    refuse(
      `please provide varchar/text for BM25 Function based search, got ${nameOfType(placeholder.type)} for field ${field.name}`,
    );
  const { values } = placeholder;
  if (values.length < 1 || values.length > NQ_MAX)
    refuse(`nq [${values.length}] is invalid, it should be in range [1, ${NQ_MAX}]`);
  return values.map((value) => utf8.decode(value));
}

/** Whether texts came where vectors might. @throws invalid_parameter */
export const areTexts = (bytes: Uint8Array): boolean =>
  decodeGroup(bytes).placeholders[0]?.type === PlaceholderType.VarChar;

/** What is wrong with a text where vectors are asked for. */
const NO_FUNCTION = '; no function makes its vectors of texts (any more): send vectors, or add one';

const nameOfType = (type: PlaceholderType): string =>
  Object.entries(PlaceholderType).find(([, value]) => value === type)?.[0] ?? `type ${type}`;

/**
 * @param field of one vector, also where rows have lists of them
 * @throws invalid_parameter, vector_dim_mismatch
 */
export function queryVectors(
  values: readonly Uint8Array[],
  field: FieldSchema,
  ofLists: boolean,
): QueryVectors {
  const nq = values.length;
  if (nq < 1 || nq > NQ_MAX) refuse(`nq [${nq}] is invalid, it should be in range [1, ${NQ_MAX}]`);
  if (field.dataType === DataType.SparseFloatVector)
    return { queries: packSparseQueries(values, field), nq, dim: 0, listLengths: NO_LISTS };
  if (ofLists) return listQueries(values, field);
  const dim = dimOf(field);
  const width = vectorWidth(field);
  const queries = briefBytes(nq * width);
  for (let at = 0; at < nq; at++) {
    const value = values[at] as Uint8Array;
    if (value.length !== width) {
      const text = `vector dimension mismatch, expected vector size(byte) ${width}, actual ${value.length}; field ${field.name} has dim ${dim}`;
      // The Node SDK sends a text as a vector without elements where the schema has no function for it.
      throw new ElanusError('vector_dim_mismatch', value.length === 0 ? text + NO_FUNCTION : text);
    }
    queries.set(value, at * width);
  }
  if (findNotFiniteIn(field.dataType, queries) >= 0)
    refuse(`query vector of field ${field.name} is not a number or infinity; send finite values`);
  return { queries, nq, dim, listLengths: NO_LISTS };
}

/** Vectors of all queries of a request: each is compared with every vector of every row. */
const LISTED_MAX = 16_384;

function listQueries(values: readonly Uint8Array[], field: FieldSchema): QueryVectors {
  const width = vectorWidth(field);
  const lengths = new Uint32Array(values.length);
  for (const [at, { length }] of values.entries()) {
    if (length === 0)
      refuse(`embedding list ${at} for field ${field.name} is empty; send at least one vector`);
    if (length % width !== 0) {
      const text = `vector dimension mismatch, expected vector size(byte) multiple of ${width}, actual ${length}; field ${field.name} has dim ${dimOf(field)}`;
      throw new ElanusError('vector_dim_mismatch', text);
    }
    lengths[at] = length / width;
  }
  const count = lengths.reduce((sum, length) => sum + length, 0);
  if (count > LISTED_MAX)
    refuse(
      `the queries have ${count} vectors in all, expected at most ${LISTED_MAX}; send fewer lists at once`,
    );
  const queries = new Uint8Array(count * width);
  let at = 0;
  for (const value of values) {
    queries.set(value, at);
    at += value.length;
  }
  if (findNotFiniteIn(field.dataType, queries) >= 0)
    refuse(`query vector of field ${field.name} is not a number or infinity; send finite values`);
  return { queries, nq: values.length, dim: dimOf(field), listLengths: bytesView(lengths) };
}

const NO_LISTS = new Uint8Array(0);

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/** The placeholder of a list of vectors, by that of one vector. */
const listPlaceholders: ReadonlyMap<PlaceholderType, PlaceholderType> = new Map([
  [PlaceholderType.BinaryVector, PlaceholderType.EmbListBinaryVector],
  [PlaceholderType.FloatVector, PlaceholderType.EmbListFloatVector],
  [PlaceholderType.Float16Vector, PlaceholderType.EmbListFloat16Vector],
  [PlaceholderType.BFloat16Vector, PlaceholderType.EmbListBFloat16Vector],
  [PlaceholderType.Int8Vector, PlaceholderType.EmbListInt8Vector],
]);

function parsePlaceholder(bytes: Uint8Array, field: FieldSchema, hasLists: boolean): PlaceholderValue {
  const group = decodeGroup(bytes);
  const placeholder = group.placeholders[0];
  if (placeholder === undefined) return refuse('placeholder_group is empty; send at least one query vector');
  if (group.placeholders.length > 1)
    refuse(`placeholder_group has ${group.placeholders.length} placeholders, expected 1`);
  const single =
    field.dataType === DataType.SparseFloatVector
      ? PlaceholderType.SparseFloatVector
      : placeholderOf(field.dataType);
  // A single vector is a list of one, and the other way round.
  const listed = hasLists && single !== undefined ? listPlaceholders.get(single) : undefined;
  if (placeholder.type !== single && (listed === undefined || placeholder.type !== listed)) {
    const isText = placeholder.type === PlaceholderType.VarChar;
    const why = isText ? NO_FUNCTION : '';
    refuse(
      `vector type must be the same, field ${field.name} - type ${dataTypeName(field.dataType)}, search info type ${nameOfType(placeholder.type)}${why}`,
    );
  }
  return placeholder;
}

function decodeGroup(bytes: Uint8Array): PlaceholderGroup {
  try {
    return unitsAtMost(bytes.length) <= INNER_UNITS_MAX
      ? PlaceholderGroup.decode(bytes)
      : decodeBounded(PlaceholderGroup, bytes, INNER_UNITS_MAX).message;
  } catch (cause) {
    if (cause instanceof ElanusError) throw cause;
    throw new ElanusError(
      'invalid_parameter',
      'placeholder_group cannot be decoded; send a serialized PlaceholderGroup',
      { cause },
    );
  }
}
