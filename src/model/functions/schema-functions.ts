// Functions of a schema: fields whose values the server makes of other fields. Checked when the collection is created; texts are Milvus's.
import { ElanusError } from '#base/errors.js';
import { defaultOf } from '#model/schema/default-value.js';
import { CollectionSchema, FieldSchema, FunctionSchema, FunctionType } from '#proto/milvus/schema.js';
import { type FunctionKind, refuse } from './function-kind.js';
import { bm25, minHash, textEmbedding } from './function-kinds.js';

export const FUNCTIONS_MAX = 64;
export const FIRST_FUNCTION_ID = 100n;

/** The schema with ids for its functions, and with marks on the fields that they make. @throws invalid_parameter, unsupported */
export function withFunctions(schema: CollectionSchema): CollectionSchema {
  const { functions, fields } = schema;
  if (functions.length > FUNCTIONS_MAX)
    refuse(`maximum function's number should be limited to ${FUNCTIONS_MAX}, but got ${functions.length}`);
  const names = new Set<string>();
  const outputs = new Set<string>();
  const inputs = new Set<string>();
  const parsed = functions.map((sent, at) => {
    if (sent.name === '') refuse('function name cannot be empty');
    if (names.has(sent.name)) refuse(`duplicate function name: ${sent.name}`);
    names.add(sent.name);
    const { input, output } = checkedFunction(sent, fields);
    if (outputs.has(output.name))
      refuse(`duplicate function output field: function ${sent.name}, field ${output.name}`);
    outputs.add(output.name);
    inputs.add(input.name);
    return FunctionSchema.create({
      ...sent,
      id: FIRST_FUNCTION_ID + BigInt(at),
      inputFieldIds: [input.fieldID],
      outputFieldIds: [output.fieldID],
    });
  });
  for (const name of outputs)
    if (inputs.has(name)) refuse(`function input field is made by a function: ${name}`);
  const marked = fields.map((field) => {
    if (outputs.has(field.name)) return FieldSchema.create({ ...field, isFunctionOutput: true });
    if (field.isFunctionOutput)
      refuse(`field ${field.name} is marked as output of a function, but no function makes it`);
    return field;
  });
  return CollectionSchema.create({ ...schema, functions: parsed, fields: marked });
}

const kinds: ReadonlyMap<FunctionType, FunctionKind> = new Map([
  [FunctionType.BM25, bm25],
  [FunctionType.TextEmbedding, textEmbedding],
  [FunctionType.MinHash, minHash],
]);

/** The fields of a function that fits its fields. @throws invalid_parameter, unsupported */
export function checkedFunction(
  sent: FunctionSchema,
  fields: readonly FieldSchema[],
): { readonly input: FieldSchema; readonly output: FieldSchema } {
  const kind = kinds.get(sent.type) ?? refuseType(sent);
  const { name, inputFieldNames, outputFieldNames } = sent;
  if (inputFieldNames.length !== 1) refuse(kind.inputs(inputFieldNames.length, name));
  if (outputFieldNames.length !== 1) refuse(kind.outputs(outputFieldNames.length, name));
  const input = fields.find((field) => field.name === inputFieldNames[0]);
  const output = fields.find((field) => field.name === outputFieldNames[0]);
  if (input === undefined) return refuse(`function input field not found: ${inputFieldNames[0]}`);
  if (output === undefined) return refuse(`function output field not found: ${outputFieldNames[0]}`);
  kind.check({ sent, input, output });
  if (output.nullable)
    refuse(`function output field cannot be nullable: function ${name}, field ${output.name}`);
  if (defaultOf(output) !== undefined)
    refuse(`function output field cannot have a default value: function ${name}, field ${output.name}`);
  if (output.isPrimaryKey || output.isPartitionKey || output.isClusteringKey)
    refuse(`function output field cannot be a key: function ${name}, field ${output.name}`);
  return { input, output };
}

function refuseType({ type, name }: FunctionSchema): never {
  const kind = Object.entries(FunctionType).find(([, value]) => value === type)?.[0] ?? String(type);
  if (type === FunctionType.Unknown)
    refuse(`check function params with unknown function type: function ${name}`);
  throw new ElanusError(
    'unsupported',
    `function ${name} is of type ${kind}, which is not supported in this version; supported: BM25, TextEmbedding, MinHash`,
  );
}
