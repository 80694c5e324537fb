// Turns the schema of a CreateCollection into the one schema everybody else trusts: ids given, `$meta` appended, limits checked.
// Rules and texts are those of Milvus (client-api reference: data model, limits, errors).
import { ElanusError } from '#base/errors.js';
import { decodeBounded, INNER_UNITS_MAX } from '#model/bounded-decode.js';
import { checkNamespaces, namespaceField, namespaceMode } from '#model/properties/namespaces.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { CollectionSchema, DataType, FieldSchema, FieldState } from '#proto/milvus/schema.js';
import { isDenseVector, isVectorType, plainTypes } from './data-type.js';
import { checkDefaultValue, defaultOf, storedDefault } from './default-value.js';
import { checkArray, checkCapacity, checkMaxLength, checkSparseVector, checkVector } from './field-limits.js';
import { checkName } from './names.js';
import { checkCollectionProperties } from './properties.js';
import { dataTypeName, META_FIELD_NAME } from './schema-view.js';
import {
  checkNoElementNulls,
  type FieldChecks,
  type ParsedStruct,
  parseStructArray,
} from './struct-check.js';
import { checkTypeParams } from './type-params.js';

const FIRST_FIELD_ID = 100n;
/** Fields of a collection, those of struct arrays among them, `$meta` not. */
export const FIELDS_MAX = 64;
export const VECTOR_FIELDS_MAX = 10;
/** Largest number of partitions of a collection. Milvus's default is 1,024 and can be set; its own test suites run with this. */
export const PARTITIONS_MAX = 4096;
const SHARDS_MAX = 16;

const supportedTypes: ReadonlySet<number> = new Set([
  ...plainTypes,
  DataType.Text,
  DataType.JSON,
  DataType.Array,
  DataType.Geometry,
  DataType.Timestamptz,
  DataType.FloatVector,
  DataType.Float16Vector,
  DataType.BFloat16Vector,
  DataType.Int8Vector,
  DataType.BinaryVector,
  DataType.SparseFloatVector,
]);

export interface CreateRequestFacts {
  readonly collectionName: string;
  readonly numPartitions?: bigint;
  /** Zone of default values that are times without an offset; UTC when left out. */
  readonly zone?: string;
  /** Beside those of the schema. */
  readonly properties?: readonly KeyValuePair[];
}

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', text);
}

const unsupported = (text: string): never => {
  throw new ElanusError('unsupported', text);
};

/** Functions are left as they were sent (`functions/`). @throws invalid_parameter, unsupported. The source is not changed. */
export function parseCollectionSchema(
  source: Uint8Array | CollectionSchema,
  request: CreateRequestFacts,
): CollectionSchema {
  const sent = source instanceof Uint8Array ? decodeSchema(source) : source;
  checkName('collection', request.collectionName);
  if (sent.name !== '' && sent.name !== request.collectionName) {
    refuse(
      `collection name does not match: collection name = ${request.collectionName}, schema.Name=${sent.name}`,
    );
  }
  checkFeatures(sent);
  const properties = [...sent.properties, ...(request.properties ?? [])];
  checkNamespaces(sent, properties);
  const fields = sent.fields.filter((field) => !field.isDynamic || field.name !== META_FIELD_NAME);
  const fieldCount = sent.structArrayFields.reduce(
    (sum, struct) => sum + struct.fields.length,
    fields.length,
  );
  if (fieldCount > FIELDS_MAX)
    refuse(`maximum field's number should be limited to ${FIELDS_MAX}, but got ${fieldCount}`);
  checkFieldNames([...fields, ...sent.structArrayFields]);
  const { collectionName, zone = 'UTC' } = request;
  const normalised = fields.map((field, at) =>
    parseField(field, {
      fieldID: FIRST_FIELD_ID + BigInt(at),
      autoID: sent.autoID,
      collection: collectionName,
      zone,
    }),
  );
  const structs = parseStructArrays(sent, FIRST_FIELD_ID + BigInt(normalised.length), collectionName);
  for (const { columns } of structs) normalised.push(...columns);
  checkVectorCount(normalised);
  const asRecord = Object.fromEntries(properties.map(({ key, value }) => [key, value]));
  if (namespaceMode(sent, asRecord) === 'partition_key')
    normalised.push(namespaceField(FIRST_FIELD_ID + BigInt(normalised.length + structs.length)));
  checkPrimaryKey(normalised);
  checkPartitionKey(normalised, request.numPartitions ?? 0n);
  checkClusteringKey(normalised);
  if (sent.enableDynamicField)
    normalised.push(metaField(FIRST_FIELD_ID + BigInt(normalised.length + structs.length)));
  return CollectionSchema.create({
    ...sent,
    name: collectionName,
    version: 0,
    autoID: false,
    fields: normalised,
    structArrayFields: structs.map(({ struct }) => struct),
  });
}

/** Ids go on behind those of the fields: a struct array has one, and each of its sub-fields. */
function parseStructArrays(sent: CollectionSchema, firstId: bigint, collection: string): ParsedStruct[] {
  const checks = subFieldChecks(collection);
  let next = firstId;
  return sent.structArrayFields.map((struct) => {
    const parsed = parseStructArray(struct, next, checks);
    next += BigInt(1 + struct.fields.length);
    return parsed;
  });
}

/** What is asked of the sub-fields of a struct array. */
export const subFieldChecks = (collection: string): FieldChecks => ({
  array: (field) => checkArray(field, collection),
  capacity: checkCapacity,
  vector: checkVector,
  typeParams: checkTypeParams,
});

export function decodeSchema(bytes: Uint8Array): CollectionSchema {
  try {
    return decodeBounded(CollectionSchema, bytes, INNER_UNITS_MAX).message;
  } catch (cause) {
    if (cause instanceof ElanusError) throw cause;
    throw new ElanusError(
      'invalid_parameter',
      'the schema of the collection cannot be decoded; send a serialized CollectionSchema',
      {
        cause,
      },
    );
  }
}

function checkFeatures(schema: CollectionSchema): void {
  checkCollectionProperties(schema.properties, schema);
  if (schema.doPhysicalBackfill)
    unsupported(
      'do_physical_backfill is not supported in this version: functions come with the collection; leave it out',
    );
  if (schema.fileResourceIds.length > 0)
    unsupported(
      'file_resource_ids are not read from schemas: analyzers name their files by resource_name; leave them out',
    );
  if (schema.externalSource !== '' || schema.externalSpec !== '')
    unsupported('external collections are not supported in this version');
}

function checkFieldNames(fields: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const field of fields) {
    checkName('field', field.name);
    if (names.has(field.name)) refuse(`duplicated field name ${field.name} found: duplicated field name`);
    names.add(field.name);
  }
}

/** What a field is given, or judged by, beside what was sent of it. */
export interface FieldFacts {
  readonly fieldID: bigint;
  /** Whether the schema says for its key that the server makes it. */
  readonly autoID: boolean;
  readonly collection: string;
  readonly zone: string;
}

/** Checks one field by itself. @throws invalid_parameter, unsupported */
export function parseField(field: FieldSchema, facts: FieldFacts): FieldSchema {
  const { fieldID, collection } = facts;
  if (!supportedTypes.has(field.dataType)) refuseType(field);
  checkFieldFeatures(field);
  checkTypeParams(field);
  if (field.isDynamic)
    refuse(`cannot explicitly set a field as a dynamic field: ${field.name}; set enable_dynamic_field`);
  if (field.dataType === DataType.VarChar) checkMaxLength(field, collection);
  if (field.dataType === DataType.Array) checkArray(field, collection);
  if (isDenseVector(field.dataType)) checkVector(field);
  if (field.dataType === DataType.SparseFloatVector) checkSparseVector(field);
  if (field.isPrimaryKey) checkKeyColumn(field);
  else if (field.autoID)
    refuse(`only primary field can speficy AutoID with true, field name = ${field.name}`);
  checkDefaultValue(field);
  return FieldSchema.create({
    ...field,
    fieldID,
    autoID: field.autoID || (field.isPrimaryKey && facts.autoID),
    state: FieldState.FieldCreated,
    defaultValue: storedDefault(field, facts.zone),
  });
}

function refuseType(field: FieldSchema): never {
  if (field.dataType === DataType.ArrayOfVector)
    refuse(`array of vector can only be in the struct array field, field name: ${field.name}`);
  const name = dataTypeName(field.dataType);
  const isKnown =
    field.dataType !== DataType.None && Object.values<number>(DataType).includes(field.dataType);
  if (!isKnown)
    throw new ElanusError('invalid_parameter', `data type ${name} of field ${field.name} is not valid`);
  const list = [...supportedTypes].map(dataTypeName).join(', ');
  throw new ElanusError(
    'unsupported',
    `data type ${name} of field ${field.name} is not supported in this version; supported: ${list}`,
  );
}

/** What would be passed over otherwise. */
function checkFieldFeatures(field: FieldSchema): void {
  if (field.externalField !== '')
    unsupported(
      `field ${field.name} has external_field, external collections are not supported in this version; leave it out`,
    );
  checkNoElementNulls(field);
  if (field.indexParams.length > 0)
    unsupported(
      `field ${field.name} has index_params, which are not read from schemas; send them with CreateIndex`,
    );
  if (field.elementType !== DataType.None && field.dataType !== DataType.Array)
    refuse(
      `field ${field.name} of type ${dataTypeName(field.dataType)} has no elements; leave element_type out`,
    );
}

function checkKeyColumn(field: FieldSchema): void {
  if (field.dataType !== DataType.Int64 && field.dataType !== DataType.VarChar) {
    refuse(`the data type of primary key should be Int64 or VarChar, field ${field.name}`);
  }
  if (field.nullable) refuse(`primary field not support null, field name = ${field.name}`);
  if (defaultOf(field) !== undefined)
    refuse(`primary field not support default_value, field name = ${field.name}`);
}

const namesOf = (fields: readonly FieldSchema[]): string => fields.map((field) => field.name).join(', ');

function checkVectorCount(fields: readonly FieldSchema[]): void {
  const count = fields.filter((field) => isVectorType(field.dataType)).length;
  if (count === 0) refuse('schema does not contain vector field');
  if (count > VECTOR_FIELDS_MAX)
    refuse(`maximum vector field's number should be limited to ${VECTOR_FIELDS_MAX}, but got ${count}`);
}

function checkPrimaryKey(fields: readonly FieldSchema[]): void {
  const keys = fields.filter((field) => field.isPrimaryKey);
  if (keys.length === 0) refuse('primary key is not specified');
  if (keys.length > 1) refuse(`there are more than one primary key, field name = ${namesOf(keys)}`);
}

function checkPartitionKey(fields: readonly FieldSchema[], numPartitions: bigint): void {
  const keys = fields.filter((field) => field.isPartitionKey);
  const key = keys[0];
  if (numPartitions < 0n) refuse('The specified num_partitions should be greater than or equal to 1');
  if (key === undefined) {
    if (numPartitions > 0n)
      refuse('num_partitions should only be specified with partition key field enabled');
    return;
  }
  if (keys.length > 1) refuse(`there are more than one partition key, field name = ${namesOf(keys)}`);
  if (key.dataType !== DataType.Int64 && key.dataType !== DataType.VarChar) {
    refuse(`the data type of partition key should be Int64 or VarChar, field ${key.name}`);
  }
  if (key.isPrimaryKey) refuse(`the partition key field must not be primary field, field ${key.name}`);
  if (key.nullable) refuse(`partition key field not support nullable, field ${key.name}`);
  if (numPartitions > BigInt(PARTITIONS_MAX))
    refuse(`partition number (${numPartitions}) exceeds max configuration (${PARTITIONS_MAX})`);
}

const notClusteringTypes: ReadonlySet<number> = new Set([
  DataType.JSON,
  DataType.Bool,
  DataType.Array,
  DataType.Geometry,
  DataType.Text,
]);

function checkClusteringKey(fields: readonly FieldSchema[]): void {
  const keys = fields.filter((field) => field.isClusteringKey);
  if (keys.length > 1) refuse(`there are more than one clustering key, field name = ${namesOf(keys)}`);
  const key = keys[0];
  if (key !== undefined && (notClusteringTypes.has(key.dataType) || isVectorType(key.dataType))) {
    refuse(
      `the data type ${dataTypeName(key.dataType)} of field ${key.name} cannot be a clustering key; use a number or VarChar field`,
    );
  }
}

export const metaField = (fieldID: bigint): FieldSchema =>
  FieldSchema.create({
    fieldID,
    name: META_FIELD_NAME,
    description: 'dynamic schema',
    dataType: DataType.JSON,
    isDynamic: true,
  });

/** 0 means the default of one shard. */
export function shardCountOf(shardsNum: number): number {
  if (shardsNum > SHARDS_MAX)
    refuse(`maximum shards's number should be limited to ${SHARDS_MAX}, but got ${shardsNum}`);
  if (shardsNum < 0) refuse(`shards number should be in [0, ${SHARDS_MAX}], but got ${shardsNum}`);
  return shardsNum === 0 ? 1 : shardsNum;
}
