// Functions of a schema: fields whose values the server makes of other fields. Checked when the collection is created; texts are Milvus's.
import { ElanusError } from '#base/errors.js';
import { defaultOf } from '#model/schema/default-value.js';
import { dataTypeName, typeParam } from '#model/schema/schema-view.js';
import {
  CollectionSchema,
  DataType,
  FieldSchema,
  FunctionSchema,
  FunctionType,
} from '#proto/milvus/schema.js';

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}

const FUNCTIONS_MAX = 64;
const FIRST_FUNCTION_ID = 100n;

/** The schema with ids for its functions, and with marks on the fields that they make. @throws invalid_parameter, unsupported */
export function withFunctions(schema: CollectionSchema): CollectionSchema {
  const { functions, fields } = schema;
  if (functions.length > FUNCTIONS_MAX)
    refuse(`maximum function's number should be limited to ${FUNCTIONS_MAX}, but got ${functions.length}`);
  const names = new Set<string>();
  const outputs = new Set<string>();
  const parsed = functions.map((sent, at) => {
    if (sent.name === '') refuse('function name cannot be empty');
    if (names.has(sent.name)) refuse(`duplicate function name: ${sent.name}`);
    names.add(sent.name);
    const { input, output } = checkedFields(sent, fields);
    if (outputs.has(output.name))
      refuse(`duplicate function output field: function ${sent.name}, field ${output.name}`);
    outputs.add(output.name);
    return FunctionSchema.create({
      ...sent,
      id: FIRST_FUNCTION_ID + BigInt(at),
      inputFieldIds: [input.fieldID],
      outputFieldIds: [output.fieldID],
    });
  });
  const marked = fields.map((field) => {
    if (outputs.has(field.name)) return FieldSchema.create({ ...field, isFunctionOutput: true });
    if (field.isFunctionOutput)
      refuse(`field ${field.name} is marked as output of a function, but no function makes it`);
    return field;
  });
  return CollectionSchema.create({ ...schema, functions: parsed, fields: marked });
}

function checkedFields(
  sent: FunctionSchema,
  fields: readonly FieldSchema[],
): { readonly input: FieldSchema; readonly output: FieldSchema } {
  if (sent.type !== FunctionType.BM25) refuseType(sent);
  const { name, inputFieldNames, outputFieldNames, params } = sent;
  if (params.length > 0)
    refuse(`BM25 function accepts no params, but got ${params.length}: function ${name}`);
  if (inputFieldNames.length !== 1)
    refuse(`BM25 function only need 1 input field, but got ${inputFieldNames.length}: function ${name}`);
  if (outputFieldNames.length !== 1)
    refuse(`BM25 function only need 1 output field, but got ${outputFieldNames.length}: function ${name}`);
  const input = fields.find((field) => field.name === inputFieldNames[0]);
  const output = fields.find((field) => field.name === outputFieldNames[0]);
  if (input === undefined) return refuse(`function input field not found: ${inputFieldNames[0]}`);
  if (output === undefined) return refuse(`function output field not found: ${outputFieldNames[0]}`);
  checkText(input);
  checkVector(output, name);
  return { input, output };
}

function refuseType({ type, name }: FunctionSchema): never {
  const kind = Object.entries(FunctionType).find(([, value]) => value === type)?.[0] ?? String(type);
  if (type === FunctionType.Unknown)
    refuse(`check function params with unknown function type: function ${name}`);
  throw new ElanusError(
    'unsupported',
    `function ${name} is of type ${kind}, which is not supported in this version; supported: BM25`,
  );
}

function checkText(field: FieldSchema): void {
  if (field.dataType !== DataType.VarChar && field.dataType !== DataType.Text)
    refuse(
      `BM25 function input field must be a VARCHAR/TEXT field, got ${field.name} field with type ${dataTypeName(field.dataType)}`,
    );
  if (typeParam(field, 'enable_analyzer')?.trim().toLowerCase() !== 'true')
    refuse(`BM25 function input field must set enable_analyzer to true, field ${field.name}`);
}

function checkVector(field: FieldSchema, name: string): void {
  if (field.dataType !== DataType.SparseFloatVector)
    refuse(
      `BM25 function output field must be a SparseFloatVector field, but got ${dataTypeName(field.dataType)}: function ${name}`,
    );
  if (field.nullable)
    refuse(`function output field cannot be nullable: function ${name}, field ${field.name}`);
  if (defaultOf(field) !== undefined)
    refuse(`function output field cannot have a default value: function ${name}, field ${field.name}`);
}
