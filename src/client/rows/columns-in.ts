// Values of one field, of all rows of a batch, to the FieldData of the protocol. A typed array goes as it is, whatever the number of rows;
// a list is walked once. Null, or what a row leaves out, is a flag, and takes no place among the values.
import { bytesView } from '#base/bytes.js';
import { ClientError } from '#client/errors.js';
import { isoOf } from '#client/filters/template-value.js';
import {
  dataTypes,
  dimOfSpec,
  type ElementTypeName,
  type FieldSpec,
  isVectorName,
  type TypeName,
} from '#client/schema/field-spec.js';
import { encodeInt32s, encodeInt64s } from '#model/columns/packed-array.js';
import type { FieldData, ScalarField, VectorField } from '#proto/milvus/schema.js';
import { jsonBytes } from './exact-json.js';
import { denseVectors, packedVectors, sparseBytes } from './vectors.js';

type SentScalars = NonNullable<ScalarField['data']>;
type SentVectors = NonNullable<VectorField['data']>;
export type ColumnValues = readonly unknown[] | ArrayBufferView;

/** Rows of one column. */
export interface SentColumn {
  readonly field: FieldData;
  readonly rowCount: number;
}

/** @throws InvalidRequestError for a value that the type has not */
export function sentColumn(name: string, spec: FieldSpec, values: ColumnValues): SentColumn {
  const packed = packedColumn(name, spec, values);
  if (packed !== undefined) return packed;
  if (!Array.isArray(values))
    throw ClientError.ofInput(
      `field "${name}" of type ${spec.type} has a ${values.constructor.name}, expected a list or the typed array of its type`,
    );
  return listColumn(name, spec, values);
}

const isGiven = (value: unknown): boolean => value !== null && value !== undefined;

function listColumn(name: string, spec: FieldSpec, values: readonly unknown[]): SentColumn {
  const present = values.every(isGiven) ? values : values.filter(isGiven);
  const hasNulls = present.length < values.length;
  if (hasNulls && spec.isNullable !== true && spec.defaultValue === undefined)
    throw ClientError.ofInput(
      `field "${name}", row ${values.findIndex((value) => !isGiven(value))}: there is no value, and the field is not nullable`,
    );
  const validData = hasNulls ? values.map(isGiven) : [];
  return {
    field: { ...base(name, spec), ...dataOf(name, spec, present), validData },
    rowCount: values.length,
  };
}

const base = (fieldName: string, { type }: Pick<FieldSpec, 'type'>): FieldData => ({
  fieldName,
  type: dataTypes[type],
  field: undefined,
  fieldId: 0n,
  isDynamic: false,
  validData: [],
});

type SentData = Pick<FieldData, 'field'>;
const scalars = (data: SentScalars): SentData => ({ field: { $case: 'scalars', value: { data } } });
const vectors = (dim: number, data: SentVectors): SentData => ({
  field: { $case: 'vectors', value: { dim: BigInt(dim), data } },
});

function dataOf(name: string, spec: FieldSpec, values: readonly unknown[]): SentData {
  if (spec.type === 'ArrayOfStruct') return structData(name, spec, values);
  if (isVectorName(spec.type)) return vectorData(name, spec, values);
  return scalars(scalarData(name, spec, values));
}

// Whole columns

const numberArrays = {
  Int8: Int8Array,
  Int16: Int16Array,
  Int32: Int32Array,
  Float: Float32Array,
  Double: Float64Array,
} as const;

function packedColumn(name: string, spec: FieldSpec, values: unknown): SentColumn | undefined {
  if (isVectorName(spec.type) && spec.type !== 'SparseFloatVector') {
    const bytes = packedVectors(name, spec, values);
    if (bytes === undefined) return undefined;
    const field = { ...base(name, spec), ...vectors(dimOfSpec(spec), denseSlot(spec.type, bytes)) };
    return { field, rowCount: (bytes.length * 8) / bitsOf(spec) };
  }
  const data = packedScalars(spec.type, values);
  if (data === undefined) return undefined;
  return {
    field: { ...base(name, spec), ...scalars(data) },
    rowCount: (values as { length: number }).length,
  };
}

const bitsOfNumber = {
  FloatVector: 32,
  Float16Vector: 16,
  BFloat16Vector: 16,
  Int8Vector: 8,
  BinaryVector: 1,
};
const bitsOf = (spec: FieldSpec): number =>
  dimOfSpec(spec) * bitsOfNumber[spec.type as keyof typeof bitsOfNumber];

function packedScalars(type: TypeName, values: unknown): SentScalars | undefined {
  if (type === 'Int64' && values instanceof BigInt64Array)
    return { $case: 'longData', value: { data: encodeInt64s(bytesView(values)) } };
  if (type === 'Bool' && values instanceof Uint8Array) return { $case: 'boolData', value: { data: values } };
  if (type in numberArrays) {
    const ArrayType = numberArrays[type as keyof typeof numberArrays];
    if (values instanceof ArrayType) return numberSlot(type, values);
  }
  return undefined;
}

function numberSlot(type: TypeName, values: Float32Array | Float64Array | ArrayLike<number>): SentScalars {
  if (type === 'Float') return { $case: 'floatData', value: { data: bytesView(values as Float32Array) } };
  if (type === 'Double') return { $case: 'doubleData', value: { data: bytesView(values as Float64Array) } };
  return { $case: 'intData', value: { data: encodeInt32s(values) } };
}

// Lists

interface Place {
  readonly name: string;
  readonly row: number;
}

const wrong = ({ name, row }: Place, value: unknown, expected: string): never => {
  throw ClientError.ofInput(`field "${name}", row ${row}: is ${typeof value}, expected ${expected}`);
};

function numbersOf(name: string, values: readonly unknown[]): readonly number[] {
  values.forEach((value, row) => {
    if (typeof value !== 'number') wrong({ name, row }, value, 'a number');
  });
  return values as readonly number[];
}

/** Safe integers are taken for bigints: programs without types have them. */
function bigintOf(place: Place, value: unknown): bigint {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value) return value;
    throw ClientError.ofInput(`field "${place.name}", row ${place.row}: ${value} is beyond 64 bits`);
  }
  return Number.isSafeInteger(value) ? BigInt(value as number) : wrong(place, value, 'a bigint');
}

function textsOf(name: string, values: readonly unknown[]): string[] {
  return values.map((value, row) => {
    if (typeof value !== 'string') return wrong({ name, row }, value, 'a text');
    if (value.isWellFormed()) return value;
    throw ClientError.ofInput(
      `field "${name}", row ${row}: the text has half of a surrogate pair, which UTF-8 cannot hold`,
    );
  });
}

function integersOf(name: string, values: readonly unknown[]): readonly number[] {
  const numbers = numbersOf(name, values);
  numbers.forEach((value, row) => {
    if (!Number.isInteger(value))
      throw ClientError.ofInput(`field "${name}", row ${row}: ${value}, expected a whole number`);
    if (value !== (value | 0))
      throw ClientError.ofInput(`field "${name}", row ${row}: ${value} is beyond 32 bits`);
  });
  return numbers;
}

function scalarData(name: string, spec: FieldSpec, values: readonly unknown[]): SentScalars {
  switch (spec.type) {
    case 'Array':
      return {
        $case: 'arrayData',
        value: {
          elementType: dataTypes[spec.element ?? 'VarChar'],
          data: values.map((value, row) => arrayRow({ name, row }, spec, value)),
        },
      };
    case 'JSON':
      return {
        $case: 'jsonData',
        value: { data: values.map((value, row) => jsonBytes(value, `field "${name}", row ${row}`)) },
      };
    case 'Geometry':
      return { $case: 'geometryWktData', value: { data: textsOf(name, values) } };
    case 'Timestamptz':
      return {
        $case: 'stringData',
        value: {
          data: textsOf(
            name,
            values.map((one) => (one instanceof Date ? isoOf(one) : one)),
          ),
        },
      };
    default:
      return elementData(name, spec.type as ElementTypeName | 'Text', values);
  }
}

function elementData(name: string, type: ElementTypeName | 'Text', values: readonly unknown[]): SentScalars {
  switch (type) {
    case 'Bool': {
      const data = Uint8Array.from(values, (value, row) =>
        typeof value === 'boolean' ? Number(value) : wrong({ name, row }, value, 'a boolean'),
      );
      return { $case: 'boolData', value: { data } };
    }
    case 'Int64': {
      const data = BigInt64Array.from(values, (value, row) => bigintOf({ name, row }, value));
      return { $case: 'longData', value: { data: encodeInt64s(bytesView(data)) } };
    }
    case 'VarChar':
    case 'Text':
      return { $case: 'stringData', value: { data: textsOf(name, values) } };
    case 'Float':
      return numberSlot(type, Float32Array.from(numbersOf(name, values)));
    case 'Double':
      return numberSlot(type, Float64Array.from(numbersOf(name, values)));
    default:
      return numberSlot(type, integersOf(name, values));
  }
}

function arrayRow(place: Place, spec: FieldSpec, value: unknown): ScalarField {
  const list = ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value;
  if (!Array.isArray(list)) return wrong(place, value, 'a list');
  const name = `${place.name}", row ${place.row}, "elements`;
  return { data: elementData(name, spec.element ?? 'VarChar', list) };
}

function vectorData(name: string, spec: FieldSpec, values: readonly unknown[]): SentData {
  if (spec.type !== 'SparseFloatVector')
    return vectors(dimOfSpec(spec), denseSlot(spec.type, denseVectors(name, spec, values)));
  const contents = values.map((value, row) => sparseBytes(name, value, row));
  return vectors(0, { $case: 'sparseFloatVector', value: { contents, dim: 0n } });
}

function denseSlot(type: TypeName, bytes: Uint8Array): SentVectors {
  switch (type) {
    case 'FloatVector':
      return { $case: 'floatVector', value: { data: bytes } };
    case 'Float16Vector':
      return { $case: 'float16Vector', value: bytes };
    case 'BFloat16Vector':
      return { $case: 'bfloat16Vector', value: bytes };
    case 'Int8Vector':
      return { $case: 'int8Vector', value: bytes };
    default:
      return { $case: 'binaryVector', value: bytes };
  }
}

// Struct arrays: a field for each member, with a list of its values for each row

function structData(name: string, spec: FieldSpec, values: readonly unknown[]): SentData {
  const rows = values.map((value, row): readonly unknown[] =>
    Array.isArray(value) ? value : wrong({ name, row }, value, 'a list of records'),
  );
  const fields = Object.entries(spec.members ?? {}).map(([member, memberSpec]) =>
    memberField(
      member,
      memberSpec,
      rows.map((row) => row.map((record) => memberOf(record, member))),
    ),
  );
  return { field: { $case: 'structArrays', value: { fields } } };
}

const memberOf = (record: unknown, member: string): unknown =>
  typeof record === 'object' && record !== null ? Reflect.get(record, member) : undefined;

function memberField(name: string, spec: FieldSpec, lists: readonly (readonly unknown[])[]): FieldData {
  if (!isVectorName(spec.type)) {
    const array: FieldSpec = { ...spec, type: 'Array', element: spec.type as ElementTypeName };
    return { ...base(name, array), ...scalars(scalarData(name, array, lists)) };
  }
  const dim = BigInt(dimOfSpec(spec));
  const data = lists.map((list) => ({
    dim,
    data: denseSlot(spec.type, denseVectors(name, spec, list)),
  }));
  const value = { dim, data, elementType: dataTypes[spec.type] };
  const slot = vectors(Number(dim), { $case: 'vectorArray', value });
  return { ...base(name, { type: 'ArrayOfVector' }), ...slot };
}
