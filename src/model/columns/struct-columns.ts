// Struct arrays between the public messages and columns: what a client sends as one field of structs comes apart into the columns of its
// sub-fields, and goes together again in an answer. Rules and texts are those of Milvus.
import { ElanusError } from '#base/errors.js';
import { fixedWidth } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { type StructColumns, structArrays, structFieldName } from '#model/schema/struct-arrays.js';
import type { Column } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType, FieldData, type FieldSchema } from '#proto/milvus/schema.js';
import { arrayLength } from './array-column.js';
import { bytesAt, isNull } from './column.js';

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/**
 * The fields of a write with each struct array replaced by its columns; the others stay as they are. A struct array without any data is
 * as one that was not sent: all its rows are null.
 * @param isPartial what is left out stays as it is in the rows that are there
 * @throws invalid_parameter
 */
export function flattenStructs(
  schema: CollectionSchema,
  sent: readonly FieldData[],
  isPartial = false,
): readonly FieldData[] {
  const structs = structArrays(schema);
  if (structs.length === 0) return sent;
  const byName = new Map(structs.map((one) => [one.struct.name, one]));
  const columnNames = new Map(
    structs.flatMap(({ struct, columns }) => columns.map(({ name }) => [name, struct.name] as const)),
  );
  const seen = new Set<string>();
  const flat = sent.flatMap((data): readonly FieldData[] => {
    const owner = columnNames.get(data.fieldName);
    if (owner !== undefined)
      refuse(
        `fieldName ${data.fieldName} not exist in collection schema; write the whole struct field ${owner}`,
      );
    const struct = data.isDynamic ? undefined : byName.get(data.fieldName);
    if (struct === undefined) return [data];
    if (seen.has(data.fieldName))
      refuse(`duplicated field data: field ${data.fieldName} is sent more than once`);
    seen.add(data.fieldName);
    return columnsSent(schema, struct, data);
  });
  if (isPartial) return flat;
  const missing = structs.find(({ struct }) => !struct.nullable && !seen.has(struct.name));
  if (missing !== undefined)
    refuse(`required struct array field '${missing.struct.name}' is missing in insert data`);
  return flat;
}

function columnsSent(
  schema: CollectionSchema,
  { struct, columns }: StructColumns,
  sent: FieldData,
): FieldData[] {
  const { name } = struct;
  if (sent.field?.$case !== 'structArrays')
    return refuse(
      `field convert FieldData_StructArrays fail in fieldData, fieldName: ${name}, collectionName:${schema.name}`,
    );
  const { fields } = sent.field.value;
  if (fields.length !== columns.length)
    refuse(
      `length of fields of struct field mismatch length of the fields in schema, fieldName: ${name}, collectionName:${schema.name}, fieldData fields length:${fields.length}, schema fields length:${columns.length}`,
    );
  const known = new Set(struct.fields.map((field) => field.name));
  const flat = fields.map((field) => {
    const own = ownName(name, field.fieldName);
    if (!known.delete(own)) refuse(`sub-field '${field.fieldName}' not found in struct schema '${name}'`);
    return {
      ...field,
      fieldName: structFieldName(name, own),
      // Some clients say of the struct alone which rows are null.
      validData: field.validData.length > 0 ? field.validData : sent.validData,
    };
  });
  const withData = flat.filter(hasData).length;
  if (withData === 0) return withoutData(struct.name, struct.nullable, flat);
  if (withData !== flat.length && !flat.every((field) => hasData(field) || isAllNull(field)))
    refuse(
      `inconsistent sub-field data in struct '${name}': ${withData} of ${flat.length} sub-fields have data, all must be present or all absent`,
    );
  return flat;
}

/** Sub-fields may also come under the name of their column. */
const ownName = (struct: string, name: string): string =>
  name.startsWith(`${struct}[`) && name.endsWith(']') ? name.slice(struct.length + 1, -1) : name;

const hasData = ({ field }: FieldData): boolean =>
  (field?.$case === 'scalars' || field?.$case === 'vectors') && field.value.data !== undefined;

const isAllNull = ({ validData }: FieldData): boolean => validData.length > 0 && !validData.includes(true);

function withoutData(name: string, nullable: boolean, fields: readonly FieldData[]): FieldData[] {
  for (const { fieldName, validData } of fields) {
    const row = validData.indexOf(true);
    if (row >= 0)
      refuse(
        `sub-field '${fieldName}' in struct '${name}' claims row ${row} is valid but no payload is provided`,
      );
  }
  if (!nullable) refuse(`required struct array field '${name}' is missing in insert data`);
  // Who says that rows are null sets them to null, also where others stay as they are.
  return fields.filter(isAllNull);
}

/**
 * Every row of a struct array is null in all of its columns or in none, and has as many elements in each.
 * @param columnOf of the batch by field; undefined: all rows are null
 * @throws invalid_parameter
 */
export function checkStructRows(
  schema: CollectionSchema,
  columnOf: (fieldId: bigint) => Column | undefined,
  numRows: number,
): void {
  for (const { struct, columns } of structArrays(schema)) {
    const [first, ...others] = columns.map((field) => ({ field, column: columnOf(field.fieldID) }));
    if (first === undefined) continue;
    for (const other of others) {
      for (let row = 0; row < numRows; row++) {
        const [a, b] = [lengthAt(first.field, first.column, row), lengthAt(other.field, other.column, row)];
        if (a !== b)
          refuseRow(struct.name, row, [
            [first.field, a],
            [other.field, b],
          ]);
      }
    }
  }
}

function refuseRow(
  struct: string,
  row: number,
  [[a, aLength], [b, bLength]]: readonly [readonly [FieldSchema, number], readonly [FieldSchema, number]],
): never {
  if (aLength < 0 || bLength < 0)
    return refuse(
      `sub-field ValidData mismatch in struct '${struct}' at row ${row}: '${a.name}'=${aLength >= 0}, '${b.name}'=${bLength >= 0}`,
    );
  return refuse(
    `inconsistent struct element count in struct '${struct}' at row ${row}: '${a.name}' has ${aLength}, '${b.name}' has ${bLength}`,
  );
}

/** Elements of a row; -1 for null. */
function lengthAt(field: FieldSchema, column: Column | undefined, row: number): number {
  if (column === undefined || isNull(column, row)) return -1;
  const bytes = bytesAt(column, row);
  if (field.dataType === DataType.ArrayOfVector)
    return bytes.length / (fixedWidth(field.elementType, dimOf(field)) ?? 1);
  return arrayLength(bytes, field.elementType);
}

/**
 * Columns of one struct array as the field that clients know. Which rows are null is said at its columns alone, as Milvus says it: the Rust SDK
 * takes no answer that says it of the struct as well.
 * @param columns as they are answered, under the names of their columns
 */
export function structFieldData({ struct }: StructColumns, columns: readonly FieldData[]): FieldData {
  return FieldData.create({
    type: DataType.ArrayOfStruct,
    fieldName: struct.name,
    fieldId: struct.fieldID,
    field: {
      $case: 'structArrays',
      value: {
        fields: columns.map((data) => ({ ...data, fieldName: ownName(struct.name, data.fieldName) })),
      },
    },
  });
}
