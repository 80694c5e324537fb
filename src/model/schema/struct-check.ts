// Struct arrays of a CreateCollection, checked and turned into columns. Rules and texts are those of Milvus.
import { ElanusError } from '#base/errors.js';
import { DataType, FieldSchema, FieldState, StructArrayFieldSchema } from '#proto/milvus/schema.js';
import { isDenseVector } from './data-type.js';
import { defaultOf } from './default-value.js';
import { checkName } from './names.js';
import { dataTypeName, typeParam } from './schema-view.js';
import { structFieldName } from './struct-arrays.js';

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', text);
}

/** What the checks of a plain field are for a sub-field. */
export interface FieldChecks {
  /** Type, elements, max_capacity and max_length of an Array. */
  readonly array: (field: FieldSchema) => void;
  readonly capacity: (field: FieldSchema) => void;
  readonly vector: (field: FieldSchema) => void;
  readonly typeParams: (field: FieldSchema) => void;
}

/** What comes of a struct array: its description with ids, and the columns that the schema gets. */
export interface ParsedStruct {
  readonly struct: StructArrayFieldSchema;
  readonly columns: readonly FieldSchema[];
}

/**
 * @param firstId for the struct array; its sub-fields have the ids behind it
 * @throws invalid_parameter
 */
export function parseStructArray(
  sent: StructArrayFieldSchema,
  firstId: bigint,
  checks: FieldChecks,
): ParsedStruct {
  checkName('field', sent.name);
  if (sent.fields.length === 0) refuse(`struct array field ${sent.name} has no sub-fields`);
  checkKeysOnce(sent);
  const names = new Set<string>();
  for (const field of sent.fields) {
    checkName('field', field.name);
    if (names.has(field.name))
      refuse(`duplicated field name ${field.name} in struct ${sent.name}: duplicated field name`);
    names.add(field.name);
    checkSubField(sent, field, checks);
  }
  checkSameCapacity(sent);
  const fields = sent.fields.map((field, at) =>
    FieldSchema.create({
      ...field,
      fieldID: firstId + 1n + BigInt(at),
      nullable: sent.nullable,
      state: FieldState.FieldCreated,
      defaultValue: undefined,
    }),
  );
  return {
    struct: StructArrayFieldSchema.create({ ...sent, fieldID: firstId, fields }),
    columns: fields.map((field) => ({ ...field, name: structFieldName(sent.name, field.name) })),
  };
}

function checkKeysOnce({ name, typeParams }: StructArrayFieldSchema): void {
  const keys = new Set(typeParams.map(({ key }) => key));
  if (keys.size < typeParams.length) refuse(`duplicated type param key of struct array field ${name}`);
}

function checkSubField(struct: StructArrayFieldSchema, field: FieldSchema, checks: FieldChecks): void {
  const { name } = field;
  if (field.dataType !== DataType.Array && field.dataType !== DataType.ArrayOfVector)
    refuse(
      `fields in StructArrayField can only be array or array of struct, but field ${name} is ${dataTypeName(field.dataType)}`,
    );
  if (field.elementType === DataType.ArrayOfVector || field.elementType === DataType.ArrayOfStruct)
    refuse(`nested ${dataTypeName(field.elementType)} is not supported for field ${name}`);
  checkRoles(struct, field);
  checks.typeParams(field);
  if (field.dataType === DataType.Array) checks.array(field);
  else checkVectorList(field, checks);
  if (field.nullable && !struct.nullable)
    refuse(
      `sub-field in non-nullable struct cannot be nullable individually, set nullable on the struct instead: structName=${struct.name}, subFieldName=${name}`,
    );
}

/** What only a field of its own can be. */
function checkRoles(struct: StructArrayFieldSchema, field: FieldSchema): void {
  const where = `struct field, field name = ${field.name}`;
  if (field.isPrimaryKey) refuse(`primary key is not supported for ${where}`);
  if (field.isPartitionKey) refuse(`partition key is not supported for ${where}`);
  if (field.isClusteringKey) refuse(`clustering key is not supported for ${where}`);
  if (field.autoID) refuse(`only primary field can speficy AutoID with true, field name = ${field.name}`);
  if (field.isDynamic) refuse(`cannot explicitly set a field as a dynamic field: ${field.name}`);
  if (defaultOf(field) !== undefined)
    refuse(`default value is not supported for ${where}, struct ${struct.name}`);
  const refused = field.isFunctionOutput || field.externalField !== '' || field.indexParams.length > 0;
  checkNoElementNulls(field);
  if (refused)
    throw new ElanusError(
      'unsupported',
      `field ${field.name} of struct ${struct.name} has is_function_output, external_field or index_params, which are not supported in structs; leave them out`,
    );
}

function checkVectorList(field: FieldSchema, checks: FieldChecks): void {
  if (!isDenseVector(field.elementType))
    refuse(
      `unsupported element type of array of vector field ${field.name}: ${dataTypeName(field.elementType)}; expected FloatVector, Float16Vector, BFloat16Vector, Int8Vector or BinaryVector`,
    );
  checks.vector({ ...field, dataType: field.elementType });
  checks.capacity(field);
}

function checkSameCapacity({ name, fields }: StructArrayFieldSchema): void {
  const expected = Number(fields[0] && typeParam(fields[0], 'max_capacity'));
  for (const field of fields) {
    const capacity = Number(typeParam(field, 'max_capacity'));
    if (capacity !== expected)
      refuse(
        `all sub-fields in struct array field must have the same max_capacity: structName=${name}, subFieldName=${field.name}, max_capacity=${capacity}, expected=${expected}`,
      );
  }
}

/** @throws unsupported for what servers after 3.0 know of elements */
export function checkNoElementNulls(field: FieldSchema): void {
  if (!field.elementNullable && field.typeSchema.length === 0) return;
  throw new ElanusError(
    'unsupported',
    `field ${field.name} has element_nullable or type_schema, elements of arrays are never null in this version; leave them out`,
  );
}
