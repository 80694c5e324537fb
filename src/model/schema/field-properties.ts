// Properties of a field that can be changed while it has rows. Limits hold for what is written from then on: rows that are there keep their
// values, whatever their length. What is a hint in Milvus changes nothing here; it is kept and shown. Texts are those of Milvus.
import { ElanusError } from '#base/errors.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { isStringType } from './data-type.js';
import { parseField } from './schema-check.js';
import { structArrays } from './struct-arrays.js';

export interface FieldPropertiesChange {
  readonly name: string;
  readonly properties: readonly KeyValuePair[];
  readonly deleteKeys: readonly string[];
}

/** What `properties` may set. Milvus writes the description under either key. */
const hintKeys: ReadonlySet<string> = new Set(['mmap.enabled', 'warmup']);
const descriptionKeys: ReadonlySet<string> = new Set(['description', 'field.description']);

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}

/** The same version: nothing that segments hold depends on it. @throws invalid_parameter, unsupported */
export function withFieldProperties(
  schema: CollectionSchema,
  change: FieldPropertiesChange,
): CollectionSchema {
  checkKeys(change);
  const column = schema.fields.find(({ name, isDynamic }) => name === change.name && !isDynamic);
  if (column !== undefined) return withColumn(schema, changedField(schema, column, change));
  const struct = schema.structArrayFields.find(({ name }) => name === change.name);
  if (struct === undefined) refuse(`field does not exist in collection: ${change.name.slice(0, 200)}`);
  const limit = change.properties.find(({ key }) => key.startsWith('max_'));
  if (limit !== undefined)
    refuse(
      `${limit.key} of struct array field ${struct.name} cannot be changed, only that of its sub-fields`,
    );
  const changed = { ...struct, ...changedParts(struct, change) };
  return CollectionSchema.create({
    ...schema,
    structArrayFields: schema.structArrayFields.map((one) => (one === struct ? changed : one)),
  });
}

function checkKeys({ properties, deleteKeys }: FieldPropertiesChange): void {
  if (properties.length === 0 && deleteKeys.length === 0)
    refuse('no properties or delete keys provided, expected some to change');
  if (properties.length > 0 && deleteKeys.length > 0)
    refuse('cannot provide both DeleteKeys and ExtraParams: send one of them');
  const seen = new Set<string>();
  for (const { key, value } of properties) {
    if (seen.has(key)) refuse(`duplicated property key ${key.slice(0, 200)}; send it once`);
    seen.add(key);
    if (!hintKeys.has(key) && !descriptionKeys.has(key) && key !== 'max_length' && key !== 'max_capacity')
      refuse(`${key.slice(0, 200)} does not allow update in collection field param`);
    if (key === 'mmap.enabled' && !['true', 'false'].includes(value.trim().toLowerCase()))
      refuse(`${key} has the value ${value.slice(0, 64)}, expected true or false`);
  }
  for (const key of deleteKeys)
    if (!hintKeys.has(key)) refuse(`${key.slice(0, 200)} is not allowed to drop in collection field param`);
}

function changedField(
  schema: CollectionSchema,
  field: FieldSchema,
  change: FieldPropertiesChange,
): FieldSchema {
  const { name, dataType, elementType } = field;
  const keys = new Set(change.properties.map(({ key }) => key));
  const hasTexts = dataType === DataType.Array ? isStringType(elementType) : dataType === DataType.VarChar;
  if (keys.has('max_length') && !hasTexts)
    refuse(`${name} can not modify the maxlength for non-string types`);
  if (keys.has('max_capacity') && dataType !== DataType.Array)
    refuse(`${name} can not modify the maxcapacity for non-array types`);
  const owner = structArrays(schema).find(({ columns }) => columns.includes(field));
  if (owner !== undefined && keys.has('max_capacity'))
    refuse(
      `max_capacity of ${name} cannot be changed alone: all sub-fields in struct array field ${owner.struct.name} have the same`,
    );
  const changed = { ...field, ...changedParts(field, change) };
  if (owner !== undefined) {
    // The name of a column is not one that a client could give a field; its limits are checked as those of a plain one.
    parseField({ ...changed, name: 'sub', nullable: true }, factsOf(schema, field));
    return changed;
  }
  return { ...parseField({ ...changed, autoID: false }, factsOf(schema, field)), autoID: field.autoID };
}

const factsOf = ({ name }: CollectionSchema, { fieldID }: FieldSchema) => ({
  fieldID,
  autoID: false,
  collection: name,
  zone: 'UTC',
});

/** Description and params, as fields and struct arrays have them alike. */
function changedParts(
  before: { readonly description: string; readonly typeParams: readonly KeyValuePair[] },
  { properties, deleteKeys }: FieldPropertiesChange,
): { readonly description: string; readonly typeParams: KeyValuePair[] } {
  const description = properties.find(({ key }) => descriptionKeys.has(key))?.value ?? before.description;
  const set = properties.filter(({ key }) => !descriptionKeys.has(key));
  const isKept = ({ key }: KeyValuePair): boolean =>
    !deleteKeys.includes(key) && !set.some((one) => one.key === key);
  return { description, typeParams: [...before.typeParams.filter(isKept), ...set] };
}

/** The column of a struct array is described in the struct, too, under its short name. */
function withColumn(schema: CollectionSchema, changed: FieldSchema): CollectionSchema {
  const replaced = <T extends FieldSchema>(fields: readonly T[]): FieldSchema[] =>
    fields.map((field) => (field.fieldID === changed.fieldID ? { ...changed, name: field.name } : field));
  return CollectionSchema.create({
    ...schema,
    fields: replaced(schema.fields),
    structArrayFields: schema.structArrayFields.map((struct) => ({
      ...struct,
      fields: replaced(struct.fields),
    })),
  });
}
