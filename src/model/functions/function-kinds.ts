// The types of functions that schemas may have: which fields they take and make, and, where that is known here, their parameters. What a provider
// takes is checked by whoever asks it (`platform/providers/`).
import { dataTypeName, typeParam } from '#model/schema/schema-view.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { type FunctionKind, refuse } from './function-kind.js';
import { minHashParams } from './minhash-params.js';

const isText = ({ dataType }: FieldSchema): boolean =>
  dataType === DataType.VarChar || dataType === DataType.Text;

const isAnalyzed = (field: FieldSchema): boolean =>
  typeParam(field, 'enable_analyzer')?.trim().toLowerCase() === 'true';

export const bm25: FunctionKind = {
  inputs: (count, name) => `BM25 function only need 1 input field, but got ${count}: function ${name}`,
  outputs: (count, name) => `BM25 function only need 1 output field, but got ${count}: function ${name}`,
  check({ sent, input, output }) {
    const { name, params } = sent;
    if (params.length > 0)
      refuse(`BM25 function accepts no params, but got ${params.length}: function ${name}`);
    if (!isText(input))
      refuse(
        `BM25 function input field must be a VARCHAR/TEXT field, got ${input.name} field with type ${dataTypeName(input.dataType)}`,
      );
    if (!isAnalyzed(input))
      refuse(`BM25 function input field must set enable_analyzer to true, field ${input.name}`);
    if (output.dataType !== DataType.SparseFloatVector)
      refuse(
        `BM25 function output field must be a SparseFloatVector field, but got ${dataTypeName(output.dataType)}: function ${name}`,
      );
  },
};

export const textEmbedding: FunctionKind = {
  inputs: (count, name) =>
    `TextEmbedding function input field must be a VARCHAR/TEXT field, expected 1 field, got ${count}: function ${name}`,
  outputs: (count) => `text function should only have one output field, but now is ${count}`,
  check({ sent, input, output }) {
    if (!isText(input))
      refuse(
        `TextEmbedding function input field must be a VARCHAR/TEXT field, got ${input.name} field with type ${dataTypeName(input.dataType)}`,
      );
    if (input.nullable)
      refuse(`function input field cannot be nullable: function ${sent.name}, field ${input.name}`);
    if (output.dataType !== DataType.FloatVector && output.dataType !== DataType.Int8Vector)
      refuse(
        `TextEmbedding function output field must be a FloatVector or Int8Vector field, but got ${dataTypeName(output.dataType)}: function ${sent.name}`,
      );
    if (!sent.params.some(({ key }) => key.toLowerCase() === 'provider'))
      refuse(`The text embedding service provider parameter:[provider] was not found: function ${sent.name}`);
  },
};

export const minHash: FunctionKind = {
  inputs: (count) => `minhash function should only have one input field, but now ${count}`,
  outputs: (count) => `minhash function should only have one output field, but now ${count}`,
  check({ sent, input, output }) {
    if (!isText(input))
      refuse(
        `minhash function input field '${input.name}' is not string type, is ${dataTypeName(input.dataType)}`,
      );
    if (output.dataType !== DataType.BinaryVector)
      refuse(`minhash function output field '${output.name}' is not binary vector type`);
    const { isOfWords } = minHashParams(sent, output);
    if (isOfWords && !isAnalyzed(input))
      refuse(
        `minhash function input field '${input.name}' must set enable_analyzer to true where token_level is word; set it, or token_level to char`,
      );
  },
};
