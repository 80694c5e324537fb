// Functions that come, change or go while a collection has rows. Over a field that exists, rows that are there stay as they are, with the vectors that
// clients sent, and those that come later have what the function makes. With a field of its own, rows that are there get its values by a backfill.

import {
  type DroppedField,
  type VersionedSchema,
  withField,
  withoutField,
} from '#model/schema/schema-change.js';
import { CollectionSchema, FieldSchema, FunctionSchema, FunctionType } from '#proto/milvus/schema.js';
import { refuse } from './function-kind.js';
import { checkedFunction, FIRST_FUNCTION_ID, FUNCTIONS_MAX } from './schema-functions.js';

function withFunctions(
  { schema, lastFieldId }: VersionedSchema,
  functions: FunctionSchema[],
  fields: FieldSchema[] = schema.fields,
): VersionedSchema {
  const changed = { ...schema, functions, fields, version: schema.version + 1 };
  return { schema: CollectionSchema.create(changed), lastFieldId };
}

/** The schema with one function more, over fields that it has. @throws invalid_parameter, unsupported */
export function withFunction(before: VersionedSchema, sent: FunctionSchema): VersionedSchema {
  if (sent.type === FunctionType.BM25)
    refuse(
      'Currently does not support adding BM25 function: rows that are there have no words; add it together with the field that it makes',
    );
  return withAddedFunction(before, sent);
}

/** Fields and functions of one change. */
interface Added {
  readonly fields: readonly FieldSchema[];
  readonly functions: readonly FunctionSchema[];
}

/** The schema with a function and the field that it makes. @throws invalid_parameter, unsupported */
export function withFunctionField(before: VersionedSchema, added: Added, zone: string): VersionedSchema {
  const [field, ...otherFields] = added.fields;
  const [sent, ...others] = added.functions;
  if (field === undefined || sent === undefined || otherFields.length > 0 || others.length > 0)
    return refuse(
      `exactly one function and one output field can be added at once, but got ${added.functions.length} functions and ${added.fields.length} fields`,
    );
  if (sent.outputFieldNames.length === 1 && sent.outputFieldNames[0] !== field.name)
    refuse(
      `function ${sent.name} makes field ${sent.outputFieldNames[0]}, and the field that comes with it is ${field.name}; name the same field`,
    );
  return withAddedFunction(withField(before, field, zone, true), sent);
}

function withAddedFunction(before: VersionedSchema, sent: FunctionSchema): VersionedSchema {
  const { functions, fields } = before.schema;
  if (sent.name === '') refuse('function name cannot be empty');
  if (functions.length >= FUNCTIONS_MAX)
    refuse(
      `maximum function's number should be limited to ${FUNCTIONS_MAX}, but got ${functions.length + 1}`,
    );
  if (functions.some(({ name }) => name === sent.name)) refuse(`duplicate function name: ${sent.name}`);
  const { input, output } = checkedFunction(sent, fields);
  if (functions.some(({ outputFieldIds }) => outputFieldIds.includes(output.fieldID)))
    refuse(`duplicate function output field: function ${sent.name}, field ${output.name}`);
  if (input.isFunctionOutput) refuse(`function input field is made by a function: ${input.name}`);
  const made = FunctionSchema.create({
    ...sent,
    id: nextId(functions),
    inputFieldIds: [input.fieldID],
    outputFieldIds: [output.fieldID],
  });
  return withFunctions(before, [...functions, made], marked(fields, [output.fieldID], true));
}

const nextId = (functions: readonly FunctionSchema[]): bigint =>
  functions.reduce((next, { id }) => (id >= next ? id + 1n : next), FIRST_FUNCTION_ID);

const marked = (fields: readonly FieldSchema[], ids: readonly bigint[], isMade: boolean): FieldSchema[] =>
  fields.map((field) =>
    ids.includes(field.fieldID) ? FieldSchema.create({ ...field, isFunctionOutput: isMade }) : field,
  );

function functionNamed({ functions }: CollectionSchema, name: string): FunctionSchema {
  if (name === '') return refuse('function name cannot be empty');
  return functions.find((one) => one.name === name) ?? refuse(`Function ${name.slice(0, 200)} not exists`);
}

/** The schema with other parameters of a function; its fields stay. @throws invalid_parameter */
export function withAlteredFunction(
  before: VersionedSchema,
  { name, function: sent }: { readonly name: string; readonly function: FunctionSchema | undefined },
): VersionedSchema {
  const { functions, fields } = before.schema;
  const known = functionNamed(before.schema, name);
  if (sent === undefined) return refuse('Function schema is empty');
  if (known.type === FunctionType.BM25) refuse('Currently does not support alter BM25 function');
  if (sent.name !== '' && sent.name !== name)
    refuse(`Invalid function config, name not match: ${name.slice(0, 200)} and ${sent.name.slice(0, 200)}`);
  const same = (ours: readonly string[], theirs: readonly string[]): boolean =>
    theirs.length === 0 || theirs.join() === ours.join();
  const isOther =
    sent.type !== known.type ||
    !same(known.inputFieldNames, sent.inputFieldNames) ||
    !same(known.outputFieldNames, sent.outputFieldNames);
  if (isOther)
    refuse(
      `function ${name}: its type and its fields stay, expected other params; drop it and add another one`,
    );
  const { description, params } = sent;
  const altered = FunctionSchema.create({ ...known, description, params });
  checkedFunction(altered, fields);
  return withFunctions(
    before,
    functions.map((one) => (one === known ? altered : one)),
  );
}

/**
 * The schema without a function: the field that it made gets its vectors from clients then, or goes, too.
 * @param lateIds fields that came with their function: rows may lack them, and no client could fill these @throws invalid_parameter
 */
export function withoutFunction(
  before: VersionedSchema,
  { name, withOutputs }: { readonly name: string; readonly withOutputs: boolean },
  lateIds: readonly bigint[] = [],
): DroppedField {
  const { functions, fields } = before.schema;
  const known = functionNamed(before.schema, name);
  if (
    known.type !== FunctionType.BM25 &&
    !withOutputs &&
    known.outputFieldIds.some((id) => lateIds.includes(id))
  )
    refuse(
      `function ${name} came together with field ${known.outputFieldNames[0]}, and rows may lack what it makes; drop it together with the field (drop_function_output_fields)`,
    );
  if (known.type === FunctionType.BM25 && !withOutputs)
    refuse('Currently does not support droping BM25 function: drop it together with the field that it makes');
  const others = functions.filter((one) => one !== known);
  const [outputId = 0n] = known.outputFieldIds;
  const freed = withFunctions(before, others, marked(fields, [outputId], false));
  if (!withOutputs) return { ...freed, columnIds: [] };
  const dropped = withoutField(freed, { name: '', id: outputId });
  // One change, one version.
  return { ...dropped, schema: { ...dropped.schema, version: before.schema.version + 1 } };
}
