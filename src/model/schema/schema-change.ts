// Changes of the fields of a collection that has rows: what comes is checked by the rules of a new schema and by those of a change, gets ids
// that no field ever had, and leaves rows without it a value: its default, or null. Pure; rules and texts are those of Milvus. Each change
// gives a schema of the next version, by which the roles know whether the one that they hold is the newest (ADR 0037).
import { ElanusError } from '#base/errors.js';
import { CollectionSchema, FieldSchema, type StructArrayFieldSchema } from '#proto/milvus/schema.js';
import { isVectorType } from './data-type.js';
import { defaultOf } from './default-value.js';
import { checkName } from './names.js';
import { FIELDS_MAX, metaField, parseField, subFieldChecks, VECTOR_FIELDS_MAX } from './schema-check.js';
import { META_FIELD_NAME } from './schema-view.js';
import { ownNames, structOf } from './struct-arrays.js';
import { parseStructArray } from './struct-check.js';

/** A schema with the largest id that a field of it ever had. */
export interface VersionedSchema {
  readonly schema: CollectionSchema;
  readonly lastFieldId: bigint;
}

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}

/** @param noted 0n where no field was ever dropped: then the ids of the schema say it */
export function largestFieldId({ fields, structArrayFields }: CollectionSchema, noted: bigint): bigint {
  let largest = noted;
  for (const { fieldID } of [...fields, ...structArrayFields]) if (fieldID > largest) largest = fieldID;
  return largest;
}

const nextFieldId = ({ schema, lastFieldId }: VersionedSchema): bigint =>
  largestFieldId(schema, lastFieldId) + 1n;

/** Fields go before `$meta`, which stays the last. */
function withColumns(schema: CollectionSchema, added: readonly FieldSchema[]): FieldSchema[] {
  const own = schema.fields.filter((field) => !field.isDynamic);
  return [...own, ...added, ...schema.fields.filter((field) => field.isDynamic)];
}

const nextVersion = (schema: CollectionSchema, change: Partial<CollectionSchema>): CollectionSchema =>
  CollectionSchema.create({ ...schema, ...change, version: schema.version + 1 });

/** The schema with one field more. @param isMade a function comes with it that makes it @throws invalid_parameter, unsupported */
export function withField(
  before: VersionedSchema,
  sent: FieldSchema,
  zone: string,
  isMade = false,
): VersionedSchema {
  const { schema } = before;
  checkName('field', sent.name);
  checkAddable(schema, sent);
  if (!isMade) checkOldRows(sent);
  if (sent.isFunctionOutput && !isMade)
    refuse(`field ${sent.name} is marked as output of a function, but no function makes it`);
  checkRoom(schema, [sent]);
  const fieldID = nextFieldId(before);
  const field = parseField(sent, { fieldID, autoID: false, collection: schema.name, zone });
  return { schema: nextVersion(schema, { fields: withColumns(schema, [field]) }), lastFieldId: fieldID };
}

/** The schema with one struct array more. @throws invalid_parameter, unsupported */
export function withStructArray(before: VersionedSchema, sent: StructArrayFieldSchema): VersionedSchema {
  const { schema } = before;
  if (!sent.nullable)
    refuse(`added struct field must be nullable, please check it, field name = ${sent.name}`);
  checkNewName(schema, sent.name);
  checkRoom(schema, sent.fields);
  const firstId = nextFieldId(before);
  const { struct, columns } = parseStructArray(sent, firstId, subFieldChecks(schema.name));
  const change = {
    fields: withColumns(schema, columns),
    structArrayFields: [...schema.structArrayFields, struct],
  };
  return { schema: nextVersion(schema, change), lastFieldId: firstId + BigInt(sent.fields.length) };
}

/** The schema with a dynamic field; rows that are there have no keys in it. @throws invalid_parameter */
export function withDynamicField(before: VersionedSchema): VersionedSchema {
  const { schema } = before;
  if (schema.enableDynamicField) return before;
  if (schema.fields.some(({ name }) => name === META_FIELD_NAME))
    refuse(`field already exists, duplicate field name: ${META_FIELD_NAME}: duplicated field name`);
  const fieldID = nextFieldId(before);
  const noKeys = FieldSchema.create({
    ...metaField(fieldID),
    defaultValue: { data: { $case: 'bytesData', value: Uint8Array.of(0x7b, 0x7d) } },
  });
  const change = { enableDynamicField: true, fields: [...schema.fields, noKeys] };
  return { schema: nextVersion(schema, change), lastFieldId: fieldID };
}

/** What a field can only be from the beginning. */
function checkAddable(schema: CollectionSchema, field: FieldSchema): void {
  const { name } = field;
  if (field.isPrimaryKey) refuse(`not support to add pk field, field name = ${name}`);
  if (field.autoID) refuse(`only primary field can speficy AutoID with true, field name = ${name}`);
  if (field.isPartitionKey) refuse(`not support to add partition key field, field name = ${name}`);
  if (field.isDynamic || name === META_FIELD_NAME)
    refuse(`not support to add dynamic field, field name = ${name}`);
  if (field.isClusteringKey && schema.fields.some((one) => one.isClusteringKey))
    refuse(`there are already another clustering key field, field name: ${name}`);
  checkNewName(schema, name);
}

function checkOldRows(field: FieldSchema): void {
  const { name } = field;
  if (isVectorType(field.dataType) && !field.nullable)
    refuse(`added vector field must be nullable, please check it, field name = ${name}`);
  if (!field.nullable && defaultOf(field) === undefined)
    refuse(`added field must be nullable or have a default value, please check it, field name = ${name}`);
}

function checkNewName(schema: CollectionSchema, name: string): void {
  if (ownNames(schema).includes(name))
    refuse(`field already exists, duplicate field name: ${name}: duplicated field name`);
}

function checkRoom(schema: CollectionSchema, added: readonly FieldSchema[]): void {
  const fields = schema.fields.filter((field) => !field.isDynamic);
  if (fields.length + added.length > FIELDS_MAX)
    refuse(
      `The number of fields has reached the maximum value ${FIELDS_MAX}: maximum field's number should be limited to ${FIELDS_MAX}, but got ${fields.length + added.length}`,
    );
  const vectors = [...fields, ...added].filter((field) => isVectorType(field.dataType)).length;
  if (vectors > VECTOR_FIELDS_MAX && added.some((field) => isVectorType(field.dataType)))
    refuse(`maximum vector field's number should be limited to ${VECTOR_FIELDS_MAX}, but got ${vectors}`);
}

/** A schema without a field or a struct array, and the ids of the columns that went with it. */
export interface DroppedField extends VersionedSchema {
  readonly columnIds: readonly bigint[];
}

/** @param wanted by id when that is not 0n, else by name @throws invalid_parameter */
export function withoutField(
  before: VersionedSchema,
  wanted: { readonly name: string; readonly id: bigint },
): DroppedField {
  const { schema } = before;
  const named = (one: { readonly name: string; readonly fieldID: bigint }): boolean =>
    wanted.id !== 0n ? one.fieldID === wanted.id : one.name === wanted.name;
  const struct = schema.structArrayFields.find(named);
  const field = schema.fields.find(named);
  if (struct === undefined && field === undefined)
    refuse(`field not found: ${wanted.id !== 0n ? wanted.id : wanted.name.slice(0, 200)}`);
  const dropped = new Set(
    struct === undefined ? [field?.fieldID ?? 0n] : struct.fields.map(({ fieldID }) => fieldID),
  );
  if (field !== undefined) checkDroppable(schema, field);
  const isVector = ({ dataType }: FieldSchema): boolean => isVectorType(dataType);
  const fields = schema.fields.filter(({ fieldID }) => !dropped.has(fieldID));
  if (!fields.some(isVector))
    refuse(
      `cannot drop the last vector field: ${struct?.name ?? field?.name}; a collection has at least one`,
    );
  const structArrayFields = schema.structArrayFields.filter((one) => one !== struct);
  return {
    schema: nextVersion(schema, { fields, structArrayFields }),
    lastFieldId: largestFieldId(schema, before.lastFieldId),
    columnIds: [...dropped],
  };
}

function checkDroppable(schema: CollectionSchema, field: FieldSchema): void {
  const { name } = field;
  if (field.isPrimaryKey) refuse(`cannot drop primary key field: ${name}`);
  if (field.isPartitionKey) refuse(`cannot drop partition key field: ${name}`);
  if (field.isClusteringKey) refuse(`cannot drop clustering key field: ${name}`);
  if (field.isDynamic) refuse(`cannot drop dynamic field: ${name}`);
  const user = schema.functions.find(({ inputFieldIds, outputFieldIds }) =>
    [...inputFieldIds, ...outputFieldIds].includes(field.fieldID),
  );
  if (user !== undefined) refuse(`cannot drop field ${name}: it is used by function ${user.name}`);
  const owner = structOf(schema, field.fieldID);
  if (owner !== undefined)
    refuse(`cannot drop ${name}: it is a sub-field; drop the struct array field ${owner.struct.name}`);
}
