// Whose rows a request is about. A collection with namespaces hears it in every write and read; one without in none.
//
// The rows of a namespace are in one partition. Where the name is the value of the partition key, rows of other namespaces may be in the same
// partition: writes fill the hidden field, and reads pass only rows that have the name.
import { ElanusError } from '#base/errors.js';
import { hashKey } from '#model/columns/row-key.js';
import {
  isNamespaceField,
  NAMESPACE_BYTES_MAX,
  NAMESPACE_FIELD_NAME,
  namespaceMode,
} from '#model/properties/namespaces.js';
import { checkName } from '#model/schema/names.js';
import type { PartitionRecord } from '#proto/elanus/data.js';
import {
  type CollectionSchema,
  type FieldData,
  FieldSchema,
  type TemplateValue,
} from '#proto/milvus/schema.js';
import { type OpenCollection, refusePartitionNames } from '#roles/proxy/collection-access.js';

export interface RequestNamespace {
  readonly partitionId: bigint;
  /** What each row has in the hidden field; undefined: the partition has no rows of others. */
  readonly key: string | undefined;
}

interface NamedRequest {
  readonly namespace?: string | undefined;
  readonly partitionNames: readonly string[];
}

const utf8 = new TextEncoder();
const FIRST_PARTITION = '_default';

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}

/**
 * Undefined: the collection has no namespaces.
 * @throws invalid_parameter for a namespace that is missing or too much, and for partitions beside it; partition_not_found
 */
export function namespaceOf(
  collection: OpenCollection,
  { namespace, partitionNames }: NamedRequest,
): RequestNamespace | undefined {
  const { schema, record } = collection;
  const mode = namespaceMode(schema, record.properties);
  if (mode === undefined) {
    if (namespace !== undefined)
      refuse(
        'namespace data is set but namespace disabled; leave it out, or create the collection with enable_namespace',
      );
    return undefined;
  }
  if (namespace === undefined)
    return refuse('namespace data is not set but namespace enabled; say whose rows are meant');
  if (mode === 'partition_key') {
    refusePartitionNames(collection, partitionNames);
    if (utf8.encode(namespace).length > NAMESPACE_BYTES_MAX)
      refuse(`the namespace has more than ${NAMESPACE_BYTES_MAX} bytes; make it shorter`);
    const { partitions } = record;
    return { partitionId: partitions[hashKey(namespace) % partitions.length]?.id ?? 0n, key: namespace };
  }
  checkName('partition', namespace);
  const other = partitionNames.find((name) => name !== '' && name !== namespace);
  if (other !== undefined)
    refuse(
      `partition name "${other.slice(0, 200)}" mismatches namespace "${namespace}"; leave the partition out`,
    );
  return { partitionId: partitionOfNamespace(collection, namespace).id, key: undefined };
}

/** Partitions that are namespaces. The first one of a collection is none: rows that no namespace was said for are nowhere. */
export const namespacePartitions = ({ record }: OpenCollection): PartitionRecord[] =>
  record.partitions.filter(({ name }) => name !== FIRST_PARTITION);

/** @throws partition_not_found */
export function partitionOfNamespace(collection: OpenCollection, name: string): PartitionRecord {
  const partition = namespacePartitions(collection).find((one) => one.name === name);
  if (partition !== undefined) return partition;
  throw new ElanusError(
    'partition_not_found',
    `partition not found[partition=${name}]: there is no namespace of the name`,
  );
}

/** Rows of files say whose they are, or the job does. @throws invalid_parameter, partition_not_found */
export function checkImportedNamespace(collection: OpenCollection, partitionName: string): void {
  if (namespaceMode(collection.schema, collection.record.properties) !== 'partition') return;
  if (partitionName === '')
    refuse(
      'namespace data is not set but namespace enabled; name the namespace as the partition of the import',
    );
  partitionOfNamespace(collection, partitionName);
}

/** The collection as rows of the namespace are written to it: where they do not say whose they are, they are its. */
export function filledWith(
  collection: OpenCollection,
  namespace: RequestNamespace | undefined,
): OpenCollection {
  const key = namespace?.key;
  return key === undefined ? collection : { ...collection, schema: filledSchema(collection.schema, key) };
}

/** Schemas kept of one collection: what is known of a schema is known by the object. */
const SCHEMAS_MAX = 64;
const filled = new WeakMap<CollectionSchema, Map<string, CollectionSchema>>();

function filledSchema(schema: CollectionSchema, key: string): CollectionSchema {
  let schemas = filled.get(schema);
  const known = schemas?.get(key);
  if (known !== undefined) return known;
  const fields = schema.fields.map((field) =>
    isNamespaceField(field)
      ? FieldSchema.create({ ...field, defaultValue: { data: { $case: 'stringData', value: key } } })
      : field,
  );
  const made = { ...schema, fields };
  if (schemas === undefined || schemas.size >= SCHEMAS_MAX) {
    schemas = new Map();
    filled.set(schema, schemas);
  }
  schemas.set(key, made);
  return made;
}

/** Columns that were sent, without one that says again whose the rows are. @throws invalid_parameter when it says something else */
export function withoutNamespaceColumn(
  fieldsData: FieldData[],
  namespace: RequestNamespace | undefined,
): FieldData[] {
  const column = fieldsData.find(({ fieldName }) => fieldName === NAMESPACE_FIELD_NAME);
  const key = namespace?.key;
  if (column === undefined || key === undefined) return fieldsData;
  const data = column.field?.$case === 'scalars' ? column.field.value.data : undefined;
  if (data?.$case !== 'stringData')
    return refuse('invalid namespace field data layout; leave the column out');
  const other = data.value.data.find((value) => value !== key);
  if (other !== undefined)
    refuse(`namespace field value "${other.slice(0, 200)}" mismatches namespace "${key.slice(0, 200)}"`);
  return fieldsData.filter((one) => one !== column);
}

export interface FilterText {
  readonly text: string;
  readonly templates: Readonly<Record<string, TemplateValue>>;
}

/**
 * A filter that passes only rows of the namespace.
 * @param sent has been read by itself: what closes a bracket that it has not opened is refused by then
 * @param isLast it ends with what can only be the end of a filter, and is a list of conditions joined by `and`
 */
export function ofNamespace<T extends FilterText>(sent: T, key: string, isLast: boolean): T {
  const templates: Record<string, TemplateValue> = { ...sent.templates };
  const variable = freeName(templates);
  templates[variable] = { val: { $case: 'stringVal', value: key } };
  const own = `${NAMESPACE_FIELD_NAME} == {${variable}}`;
  if (sent.text.trim() === '') return { ...sent, text: own, templates };
  return { ...sent, text: `${own} and ${isLast ? sent.text : `(${sent.text})`}`, templates };
}

/** A name that no variable of the client has. */
function freeName(templates: Readonly<Record<string, TemplateValue>>): string {
  let name = 'elanus_namespace';
  while (Object.hasOwn(templates, name)) name += '_';
  return name;
}
