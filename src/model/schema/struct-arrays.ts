// Struct arrays of a schema. Clients see one field whose rows are lists of structs; stored are columns, one for each sub-field, that are
// fields of the schema like any other, under the name `struct[sub]`. So rows, logs, files, filters and indexes know columns only, and
// what belongs together is defined here. ADR 0029 has the reasons.

import type { CollectionSchema } from '#proto/milvus/schema.js';
import { DataType, type FieldSchema, type StructArrayFieldSchema } from '#proto/milvus/schema.js';

/** The name under which the column of a sub-field is stored, indexed, filtered and asked for. */
export const structFieldName = (struct: string, field: string): string => `${struct}[${field}]`;

/** A struct array with its columns, in the order of its sub-fields. */
export interface StructColumns {
  readonly struct: StructArrayFieldSchema;
  readonly columns: readonly FieldSchema[];
}

const columnsOf = new WeakMap<CollectionSchema, readonly StructColumns[]>();

/** The struct arrays of a schema. Schemas are not changed in place, so the answer is kept. */
export function structArrays(schema: CollectionSchema): readonly StructColumns[] {
  if (schema.structArrayFields.length === 0) return [];
  const known = columnsOf.get(schema);
  if (known !== undefined) return known;
  const byId = new Map(schema.fields.map((field) => [field.fieldID, field]));
  const structs = schema.structArrayFields.map((struct) => ({
    struct,
    columns: struct.fields.flatMap(({ fieldID }) => byId.get(fieldID) ?? []),
  }));
  columnsOf.set(schema, structs);
  return structs;
}

/** The struct array that a column belongs to; undefined for a field of its own. */
export const structOf = (schema: CollectionSchema, fieldId: bigint): StructColumns | undefined =>
  structArrays(schema).find(({ columns }) => columns.some((field) => field.fieldID === fieldId));

/** The fields that are no columns of struct arrays. */
export function ownFields(schema: CollectionSchema): FieldSchema[] {
  const ids = new Set(structArrays(schema).flatMap(({ columns }) => columns.map((field) => field.fieldID)));
  return ids.size === 0 ? [...schema.fields] : schema.fields.filter((field) => !ids.has(field.fieldID));
}

/** The names that clients know: of fields and of struct arrays. */
export const ownNames = (schema: CollectionSchema): string[] => [
  ...ownFields(schema).map(({ name }) => name),
  ...schema.structArrayFields.map(({ name }) => name),
];

/** The name of a sub-field inside its struct, from the name of its column. */
export const subFieldName = ({ name }: StructArrayFieldSchema, column: FieldSchema): string =>
  column.name.slice(name.length + 1, -1);

/** Whether rows of the field are lists of vectors. */
export const isVectorList = (field: FieldSchema): boolean => field.dataType === DataType.ArrayOfVector;

/** The field as if it held one of its elements in each row: the type, dim and limits of an element. */
export const elementField = (field: FieldSchema): FieldSchema => ({ ...field, dataType: field.elementType });
