// The wishes of a load beside its partitions: checked here, for this version has one replica.
import { ElanusError } from '#base/errors.js';
import { isNamespaceField } from '#model/properties/namespaces.js';
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

/** Which fields a load is to leave out, and whether the client says so at all. */
export interface FieldsWish {
  readonly namesFields: boolean;
  readonly leftOutFieldIds: bigint[];
}

/** That the resource group is there, query-coord checks. @throws invalid_parameter, refused, unsupported */
export function checkLoadWishes(
  schema: CollectionSchema,
  wishes: LoadWishes,
  expiryField: string | undefined,
): FieldsWish {
  const { replicaNumber, resourceGroups, loadFields, skipLoadDynamicField, loadParams } = wishes;
  if (replicaNumber < 0) refuse(`replica number should be greater than 0, but got ${replicaNumber}`);
  if (resourceGroups.length > 1)
    refuse(
      `resource group num can only be 0, 1 or same as replica number, but got ${resourceGroups.length} groups for 1 replica`,
    );
  for (const [key, value] of Object.entries(loadParams)) {
    // A hint that Milvus has for its queues; here loads wait for nothing but memory.
    if (key !== 'load_priority')
      unsupported(`load param ${key.slice(0, 200)} is not supported in this version; leave it out`);
    if (!['high', 'low'].includes(value.toLowerCase()))
      refuse(`load_priority should be high or low, but got ${value.slice(0, 64)}`);
  }
  const leftOutFieldIds = loadFields.length === 0 ? [] : checkLoadFields(schema, loadFields, expiryField);
  const dynamic = dynamicField(schema);
  if (skipLoadDynamicField && dynamic !== undefined) leftOutFieldIds.push(dynamic.fieldID);
  return { namesFields: loadFields.length > 0 || skipLoadDynamicField, leftOutFieldIds };
}

/** The refusals are Milvus's own. @returns fields that are not listed; the dynamic one is loaded unless it is skipped */
function checkLoadFields(
  schema: CollectionSchema,
  names: readonly string[],
  expiryField: string | undefined,
): bigint[] {
  const known = new Set([...ownNames(schema), ...schema.fields.map((field) => field.name)]);
  // Who lists a struct array lists its columns.
  const listed = new Set([
    ...names,
    // Which no client can name.
    ...schema.fields.filter(isNamespaceField).map(({ name }) => name),
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
  const clusteringKey = schema.fields.find((field) => field.isClusteringKey)?.name;
  if (clusteringKey !== undefined && !listed.has(clusteringKey)) {
    refuse(`load field list ${list} does not contain clustering key field ${clusteringKey}`);
  }
  if (expiryField !== undefined && !listed.has(expiryField)) {
    refuse(`load field list ${list} does not contain ttl field ${expiryField}`);
  }
  return schema.fields
    .filter((field) => !field.isDynamic && !listed.has(field.name))
    .map((field) => field.fieldID);
}
