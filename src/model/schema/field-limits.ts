// Limits that a field is declared with: dim, max_length, max_capacity, elements. Rules and texts are those of Milvus.
import { ElanusError } from '#base/errors.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { plainTypes } from './data-type.js';
import { dataTypeName, typeParam } from './schema-view.js';

const DIM_MIN = 2;
const DIM_MAX = 32_768;
/** Bounds of the dimension of binary vectors, in bits. */
const BINARY_DIM_MIN = 8;
const BINARY_DIM_MAX = 262_144;
const VARCHAR_BYTES_MAX = 65_535;

const elementTypes: ReadonlySet<number> = new Set(plainTypes);
/** Elements of one array. */
const ARRAY_CAPACITY_MAX = 4096;

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', text);
}

const parseInteger = (text: string): number | undefined =>
  /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;

/** Array fields: which elements, and how many at most. */
export function checkArray(field: FieldSchema, collection: string): void {
  if (!elementTypes.has(field.elementType))
    refuse(
      `element data type ${dataTypeName(field.elementType)} is not valid: field ${field.name}, expected Bool, Int8, Int16, Int32, Int64, Float, Double or VarChar`,
    );
  if (field.elementType === DataType.VarChar) checkMaxLength(field, collection);
  checkCapacity(field);
}

export function checkCapacity(field: FieldSchema): void {
  const text = typeParam(field, 'max_capacity');
  if (text === undefined)
    refuse(`type param(max_capacity) should be specified for array field ${field.name}`);
  const capacity = parseInteger(text);
  if (capacity === undefined)
    refuse(`the value for max_capacity of field ${field.name} must be an integer, got ${text}`);
  if (capacity < 1 || capacity > ARRAY_CAPACITY_MAX)
    refuse(
      `the maximum capacity specified for a Array should be in (0, ${ARRAY_CAPACITY_MAX}], but got ${capacity} in field ${field.name}`,
    );
}

export function checkMaxLength(field: FieldSchema, collection: string): void {
  const text = typeParam(field, 'max_length');
  if (text === undefined)
    refuse(
      `type param(max_length) should be specified for the field(${field.name}) of collection ${collection}`,
    );
  const length = parseInteger(text);
  if (length === undefined)
    refuse(`the value for max_length of field ${field.name} must be an integer, got ${text}`);
  if (length < 1 || length > VARCHAR_BYTES_MAX) {
    refuse(
      `the maximum length specified for the field(${field.name}) should be in (0, ${VARCHAR_BYTES_MAX}], but got ${length} instead`,
    );
  }
}

export function checkVector(field: FieldSchema): void {
  const text = typeParam(field, 'dim');
  if (text === undefined)
    refuse(
      `dimension is not defined in field type params of field ${field.name}, check type param \`dim\` for vector field`,
    );
  const dim = parseInteger(text);
  const isBinary = field.dataType === DataType.BinaryVector;
  const [min, max] = isBinary ? [BINARY_DIM_MIN, BINARY_DIM_MAX] : [DIM_MIN, DIM_MAX];
  const kind = isBinary ? 'binary' : field.dataType === DataType.Int8Vector ? 'int8' : 'float';
  const invalid = `invalid dimension: ${text} of field ${field.name}. ${kind} vector dimension should be`;
  if (dim === undefined || dim < min || dim > max) refuse(`${invalid} in range ${min} ~ ${max}`);
  if (isBinary && dim % 8 !== 0) refuse(`${invalid} multiple of 8`);
}

/** Its dimension is whatever index a row has, so none is declared. */
export function checkSparseVector(field: FieldSchema): void {
  if (typeParam(field, 'dim') !== undefined) {
    refuse(
      `dim should not be specified for sparse vector field ${field.name}, sparse vector field does not need a dim; leave it out`,
    );
  }
}
