// What a REST search looks for: vectors or texts in JSON, to the placeholders that every client sends. Whether a vector has the length of its
// field is left to the search, which says so in the words that clients know.
import { bytesFromBase64 } from '#base/base64.js';
import { bytesView } from '#base/bytes.js';
import { messageOf } from '#base/errors.js';
import { placeholderOf } from '#model/columns/dense-vector.js';
import { sparseFromJson } from '#model/columns/sparse-vector.js';
import { walkElements } from '#model/json/json-bytes.js';
import { readFloats } from '#model/json/json-floats.js';
import { forEachElement, parseJsonString } from '#model/json/json-members.js';
import { encodeMessage } from '#model/message-writer.js';
import { jsonVectorLength, writeJsonVector } from '#model/rows/json-vector.js';
import { fixedWidth } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName, fieldByName, vectorFields } from '#model/schema/schema-view.js';
import { elementField, isVectorList } from '#model/schema/struct-arrays.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import { type CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import type { RawJson } from '#server/rest/raw-json.js';
import { missing, notJson } from '#server/rest/rest-failure.js';

const utf8 = new TextEncoder();

/** @returns the field by its name, or the only one there is */
export function searchedField(schema: CollectionSchema, annsField: string): FieldSchema {
  if (annsField !== '')
    return (
      fieldByName(schema, annsField) ??
      notJson(`annsField: there is no field ${annsField} in collection ${schema.name}`)
    );
  const vectors = [...vectorFields(schema), ...schema.fields.filter(isVectorList)];
  const [only] = vectors;
  if (only === undefined || vectors.length > 1)
    return missing(`annsField is required: collection ${schema.name} has ${vectors.length} vector fields`);
  return only;
}

/** @param data a list with an element for each query @returns bytes of a PlaceholderGroup */
export function queryVectors(
  field: FieldSchema,
  data: RawJson,
): { readonly group: Uint8Array; readonly nq: number } {
  const { type, values } = floatVectors(field, data) ?? otherVectors(field, data.text);
  const group = { placeholders: [{ tag: '$0', type, values }] };
  return { group: encodeMessage(PlaceholderGroup, group), nq: values.length };
}

interface Queries {
  readonly type: PlaceholderType;
  readonly values: Uint8Array[];
}

/** Vectors of float32 that have the length of their field, from their bytes. Undefined for all others. */
function floatVectors(field: FieldSchema, { source, begin, end }: RawJson): Queries | undefined {
  if (field.dataType !== DataType.FloatVector || field.isFunctionOutput) return undefined;
  const dim = dimOf(field);
  const values: Uint8Array[] = [];
  const behind = walkElements(source.bytes, begin, (at) => {
    const vector = new Float32Array(dim);
    values.push(bytesView(vector));
    return readFloats(source.bytes, at, vector);
  });
  return behind === end && values.length > 0 ? { type: PlaceholderType.FloatVector, values } : undefined;
}

function otherVectors(field: FieldSchema, text: string): Queries {
  const values: Uint8Array[] = [];
  let type: PlaceholderType | undefined;
  const isList = forEachElement(text, (raw) => {
    const query = queryOf(field, raw, values.length);
    type ??= query.type;
    if (type !== query.type)
      notJson(`data: element ${values.length} is of another kind than those before it`);
    values.push(query.bytes);
  });
  if (!isList) notJson('data should be a list with an element for each query');
  if (type === undefined) return missing('data is required, and empty');
  return { type, values };
}

interface Query {
  readonly type: PlaceholderType;
  readonly bytes: Uint8Array;
}

const listTypes: ReadonlyMap<PlaceholderType, PlaceholderType> = new Map([
  [PlaceholderType.BinaryVector, PlaceholderType.EmbListBinaryVector],
  [PlaceholderType.FloatVector, PlaceholderType.EmbListFloatVector],
  [PlaceholderType.Float16Vector, PlaceholderType.EmbListFloat16Vector],
  [PlaceholderType.BFloat16Vector, PlaceholderType.EmbListBFloat16Vector],
  [PlaceholderType.Int8Vector, PlaceholderType.EmbListInt8Vector],
]);

function queryOf(sent: FieldSchema, raw: string, index: number): Query {
  const field = isVectorList(sent) ? elementField(sent) : sent;
  if (field.isFunctionOutput && raw.startsWith('"'))
    return { type: PlaceholderType.VarChar, bytes: textBytes(raw) };
  if (field.dataType === DataType.SparseFloatVector) {
    const row = sparseFromJson(raw);
    if (typeof row === 'string') return notJson(`data: element ${index} is no sparse vector: it has ${row}`);
    return { type: PlaceholderType.SparseFloatVector, bytes: row };
  }
  const type = placeholderOf(field.dataType);
  if (type === undefined)
    return notJson(`field ${field.name} of type ${dataTypeName(field.dataType)} cannot be searched`);
  const listType = listTypes.get(type);
  if (isVectorList(sent) && listType !== undefined && /^\[\s*[[\]"]/.test(raw))
    return { type: listType, bytes: listBytes(field, raw, index) };
  return { type, bytes: vectorBytes(field, raw, index) };
}

const textBytes = (raw: string): Uint8Array =>
  utf8.encode(parseJsonString(raw) ?? notJson('data: a text is no valid Unicode'));

function listBytes(field: FieldSchema, raw: string, index: number): Uint8Array {
  const vectors: Uint8Array[] = [];
  forEachElement(raw, (one) => void vectors.push(vectorBytes(field, one, index)));
  const bytes = new Uint8Array(vectors.reduce((sum, vector) => sum + vector.length, 0));
  let at = 0;
  for (const vector of vectors) {
    bytes.set(vector, at);
    at += vector.length;
  }
  return bytes;
}

function vectorBytes({ dataType, name }: FieldSchema, raw: string, index: number): Uint8Array {
  const encoded = parseJsonString(raw);
  if (encoded !== undefined && dataType !== DataType.FloatVector)
    return bytesFromBase64(encoded) ?? notJson(`data: element ${index} is no base64 of a vector`);
  const values = raw.startsWith('[') ? numbersOf(raw, index) : undefined;
  if (values === undefined)
    return notJson(`data: element ${index} is ${raw.slice(0, 40)}, expected a vector for field ${name}`);
  // As many dimensions as there are values: eight in a byte of a binary vector.
  const dim = dataType === DataType.BinaryVector ? values.length * 8 : values.length;
  const bytes = new Uint8Array(fixedWidth(dataType, dim) ?? 0);
  const wrong = writeJsonVector(dataType, values, new DataView(bytes.buffer), 0);
  if (wrong !== undefined || jsonVectorLength(dataType, dim) !== values.length)
    return notJson(
      `data: value ${wrong?.index} of element ${index} does not fit, expected ${wrong?.expected}`,
    );
  return bytes;
}

/** As doubles, which is more than any element of a vector holds. */
function numbersOf(raw: string, index: number): readonly unknown[] | undefined {
  try {
    const values: unknown = JSON.parse(raw);
    return Array.isArray(values) ? values : undefined;
  } catch (error) {
    return notJson(`data: element ${index}: ${messageOf(error)}`);
  }
}
