// Namespaces: rows of one collection that belong to a name which every request says, and that no request with another name meets. A
// collection has them from its creation on, in one of two modes. By default the name is the value of a partition key that clients do not
// see; with `namespace.mode` = `partition` it is the name of a partition.
import { ElanusError } from '#base/errors.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { type CollectionSchema, DataType, FieldSchema, FieldState } from '#proto/milvus/schema.js';
import { isIsolated } from './partition-key-isolation.js';

export const NAMESPACE_FIELD_NAME = '$namespace_id';
/** Bytes of UTF-8, as VarChar has them at most. */
export const NAMESPACE_BYTES_MAX = 65_535;
const MODE = 'namespace.mode';
const SHARDING = 'namespace.sharding.enabled';
const ISOLATION = 'partitionkey.isolation';

export type NamespaceMode = 'partition_key' | 'partition';
type Properties = Readonly<Record<string, string>>;

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}

/** Undefined: the collection has no namespaces. */
export function namespaceMode(
  { enableNamespace }: CollectionSchema,
  { [MODE]: mode }: Properties,
): NamespaceMode | undefined {
  if (!enableNamespace) return undefined;
  return mode === 'partition' ? 'partition' : 'partition_key';
}

/** @throws invalid_parameter */
export function checkModeName(mode: string): void {
  if (mode !== 'partition_key' && mode !== 'partition')
    refuse(`invalid ${MODE} value ${mode.slice(0, 64)}, expected partition_key or partition`);
}

/** What a collection with namespaces can be created with. @throws invalid_parameter, with Milvus's texts where it has one */
export function checkNamespaces(schema: CollectionSchema, sent: readonly KeyValuePair[]): void {
  const properties: Properties = Object.fromEntries(sent.map(({ key, value }) => [key, value]));
  if (!schema.enableNamespace) {
    const key = [MODE, SHARDING].find((one) => one in properties);
    if (key !== undefined && properties[key] !== 'false')
      refuse(`property ${key} is of collections with namespaces; set enable_namespace of the schema`);
    return;
  }
  if (schema.fields.some((field) => field.isPartitionKey))
    refuse('namespace is not supported with partition key mode; leave the partition key out');
  if (properties[ISOLATION] === undefined || namespaceMode(schema, properties) === 'partition') return;
  if (!isIsolated(properties)) refuse('isolation property is false when namespace enabled; leave it out');
}

/** The field that has the namespace of a row. */
export const namespaceField = (fieldID: bigint): FieldSchema =>
  FieldSchema.create({
    fieldID,
    name: NAMESPACE_FIELD_NAME,
    description: 'namespace',
    dataType: DataType.VarChar,
    typeParams: [{ key: 'max_length', value: String(NAMESPACE_BYTES_MAX) }],
    isPartitionKey: true,
    state: FieldState.FieldCreated,
  });

/** Properties that come with namespaces. */
export const namespaceProperties = (schema: CollectionSchema): Properties =>
  schema.enableNamespace && schema.fields.some(isNamespaceField) ? { [ISOLATION]: 'true' } : {};

export const isNamespaceField = ({ name }: { readonly name: string }): boolean =>
  name === NAMESPACE_FIELD_NAME;

/** Whose rows are whose must not change while there are rows. @throws invalid_parameter */
export function checkNamespacesStay(before: Properties, after: Properties, schema: CollectionSchema): void {
  const fixed = schema.fields.some(isNamespaceField) ? [MODE, SHARDING, ISOLATION] : [MODE, SHARDING];
  for (const key of fixed)
    if (before[key] !== after[key])
      refuse(`cannot alter ${key} of a collection after its creation; create another collection`);
}
