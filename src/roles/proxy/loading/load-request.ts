// The wishes of a load beside its partitions: checked here, for this version has one replica and loads all fields.
import { ElanusError } from '#base/errors.js';
import { isVectorType } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { dynamicField, partitionKeyField } from '#model/schema/schema-view.js';
import { ownNames, structArrays } from '#model/schema/struct-arrays.js';
import type { LoadCollectionRequest } from '#proto/milvus/milvus.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

export type LoadWishes = Pick<
  LoadCollectionRequest,
  'replicaNumber' | 'resourceGroups' | 'refresh' | 'loadFields' | 'skipLoadDynamicField' | 'loadParams'
>;

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

const unsupported = (text: string): never => {
  throw new ElanusError('unsupported', text);
};

/** That the resource group is there, query-coord checks. @throws invalid_parameter, refused, unsupported */
export function checkLoadWishes(schema: CollectionSchema, wishes: LoadWishes): void {
  const { replicaNumber, resourceGroups, loadFields, skipLoadDynamicField, loadParams } = wishes;
  if (replicaNumber < 0) refuse(`replica number should be greater than 0, but got ${replicaNumber}`);
  if (resourceGroups.length > 1)
    refuse(
      `resource group num can only be 0, 1 or same as replica number, but got ${resourceGroups.length} groups for 1 replica`,
    );
  if (loadFields.length > 0) checkLoadFields(schema, loadFields);
  if (skipLoadDynamicField && dynamicField(schema) !== undefined) {
    unsupported(
      'skip_load_dynamic_field is not supported in this version: all fields are loaded; leave it out',
    );
  }
  for (const [key, value] of Object.entries(loadParams)) {
    // A hint that Milvus has for its queues; here loads wait for nothing but memory.
    if (key !== 'load_priority')
      unsupported(`load param ${key.slice(0, 200)} is not supported in this version; leave it out`);
    if (!['high', 'low'].includes(value.toLowerCase()))
      refuse(`load_priority should be high or low, but got ${value.slice(0, 64)}`);
  }
}

/** A list of all fields is the same as no list. The first three refusals are Milvus's own. */
function checkLoadFields(schema: CollectionSchema, names: readonly string[]): void {
  const known = new Set([...ownNames(schema), ...schema.fields.map((field) => field.name)]);
  // Who lists a struct array lists its columns.
  const listed = new Set([
    ...names,
    ...structArrays(schema).flatMap(({ struct, columns }) =>
      names.includes(struct.name) ? columns.map((field) => field.name) : [],
    ),
  ]);
  const list = `[${names.slice(0, 64).join(' ')}]`;
  for (const name of listed) {
    if (!known.has(name)) throw new ElanusError('refused', `field ${name.slice(0, 200)} not exist`);
  }
  const primary = primaryField(schema).name;
  if (!listed.has(primary)) refuse(`load field list ${list} does not contain primary key field ${primary}`);
  if (!schema.fields.some((field) => isVectorType(field.dataType) && listed.has(field.name))) {
    refuse(`load field list ${list} does not contain vector field`);
  }
  const partitionKey = partitionKeyField(schema)?.name;
  if (partitionKey !== undefined && !listed.has(partitionKey)) {
    refuse(`load field list ${list} does not contain partition key field ${partitionKey}`);
  }
  const missing = schema.fields
    .filter((field) => !field.isDynamic && !listed.has(field.name))
    .map((field) => field.name);
  if (missing.length > 0) {
    unsupported(
      `load_fields without ${missing.join(', ')} is not supported in this version: all fields are loaded; leave load_fields out`,
    );
  }
}
