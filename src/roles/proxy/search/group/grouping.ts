// What hits are grouped by, read against the schema: fields, paths in JSON fields, dynamic keys.
import { ElanusError } from '#base/errors.js';
import { readJsonPath } from '#expr/json-path.js';
import type { GroupingParams, GroupScorer } from '#model/params/grouping-params.js';
import { DataType, groupedTypes, isVectorType } from '#model/schema/data-type.js';
import { dataTypeName, dynamicField, fieldByName } from '#model/schema/schema-view.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';

/** One part of what makes a group. */
export interface GroupKey {
  /** As the answer names it. */
  readonly name: string;
  readonly field: FieldSchema;
  /** Keys and indexes to a value in a JSON field; undefined: the value of the field itself. */
  readonly path: readonly string[] | undefined;
  /** The type of the values: the field's, or that which JSON values are cast to. */
  readonly type: DataType;
  /** A JSON value of another type is no value then; else texts take any. */
  readonly strictCast: boolean;
}

export interface Grouping {
  readonly keys: readonly GroupKey[];
  readonly size: number;
  readonly isStrict: boolean;
  readonly scorer: GroupScorer;
}

/** By the names that clients send. */
const castTypes: Readonly<Partial<Record<string, DataType>>> = {
  bool: DataType.Bool,
  int8: DataType.Int8,
  int16: DataType.Int16,
  int32: DataType.Int32,
  int64: DataType.Int64,
  varchar: DataType.VarChar,
};

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
};

/** @throws invalid_parameter */
export function groupingOf(schema: CollectionSchema, params: GroupingParams): Grouping {
  const { names, size, isStrict, scorer } = params;
  const keys = names.map((name) => groupKey(schema, name, params));
  if (keys.filter(({ path }) => path !== undefined).length > 1)
    refuse('group by takes at most one JSON field; group by one, or by scalar fields');
  if (new Set(keys.map(({ name }) => name)).size < keys.length)
    refuse(`group by names a field twice: ${names.join(', ').slice(0, 200)}`);
  return { keys, size, isStrict, scorer };
}

function groupKey(schema: CollectionSchema, name: string, params: GroupingParams): GroupKey {
  const field = fieldByName(schema, name);
  if (field !== undefined && field.dataType !== DataType.JSON) return plainKey(field);
  const holder = field ?? fieldByName(schema, name.split('[')[0]?.trim() ?? '') ?? dynamicField(schema);
  if (holder === undefined)
    return refuse(`groupBy field not found in schema: field not found[field=${name.slice(0, 200)}]`);
  if (holder.dataType !== DataType.JSON) return plainKey(holder, name);
  const path = readJsonPath(holder, params.jsonPath ?? (field === undefined ? name : undefined));
  const cast = params.jsonType?.toLowerCase();
  const type = cast === undefined ? DataType.VarChar : castTypes[cast];
  if (type === undefined)
    return refuse(`json_type ${cast?.slice(0, 64)} is not supported; use Bool, Int8 to Int64 or VarChar`);
  return { name, field: holder, path, type, strictCast: params.strictCast };
}

function plainKey(field: FieldSchema, name = field.name): GroupKey {
  if (field.dataType === DataType.BinaryVector)
    refuse('not support search_group_by operation based on binary vector column');
  if (isVectorType(field.dataType) || !groupedTypes.has(field.dataType) || name !== field.name)
    refuse(
      `unsupported data type for group by: field ${name.slice(0, 200)} is of type ${dataTypeName(field.dataType)}`,
    );
  return { name, field, path: undefined, type: field.dataType, strictCast: false };
}
