// Functions of a schema: what is given to them, and what is refused with Milvus's texts.
import { describe, expect, it } from 'vitest';
import {
  CollectionSchema,
  DataType,
  FieldSchema,
  FunctionSchema,
  FunctionType,
} from '#proto/milvus/schema.js';
import { withFunctions } from './schema-functions.js';

const text = FieldSchema.fromPartial({
  fieldID: 101n,
  name: 'text',
  dataType: DataType.VarChar,
  typeParams: [{ key: 'enable_analyzer', value: 'true' }],
});
const sparse = FieldSchema.fromPartial({
  fieldID: 102n,
  name: 'sparse',
  dataType: DataType.SparseFloatVector,
});
const other = FieldSchema.fromPartial({ fieldID: 103n, name: 'other', dataType: DataType.SparseFloatVector });
const plain = FieldSchema.fromPartial({ fieldID: 104n, name: 'plain', dataType: DataType.VarChar });
const number = FieldSchema.fromPartial({ fieldID: 105n, name: 'number', dataType: DataType.Int64 });
const bm25 = FunctionSchema.fromPartial({
  name: 'bm25',
  type: FunctionType.BM25,
  inputFieldNames: ['text'],
  outputFieldNames: ['sparse'],
});

const parse = (functions: FunctionSchema[], fields = [text, sparse, other, plain, number]) =>
  withFunctions(CollectionSchema.fromPartial({ functions, fields }));

describe('functions', () => {
  it('get ids, and mark the fields that they make', () => {
    const second = { ...bm25, name: 'again', outputFieldNames: ['other'] };
    const { functions, fields } = parse([bm25, second]);
    expect(
      functions.map(({ id, inputFieldIds, outputFieldIds }) => [id, inputFieldIds, outputFieldIds]),
    ).toEqual([
      [100n, [101n], [102n]],
      [101n, [101n], [103n]],
    ]);
    expect(fields.filter(({ isFunctionOutput }) => isFunctionOutput).map(({ name }) => name)).toEqual([
      'sparse',
      'other',
    ]);
  });

  it.each<[string, Partial<FunctionSchema>, string]>([
    ['no name', { name: '' }, 'function name cannot be empty'],
    ['no input', { inputFieldNames: [] }, 'BM25 function only need 1 input field, but got 0'],
    [
      'two outputs',
      { outputFieldNames: ['sparse', 'other'] },
      'BM25 function only need 1 output field, but got 2',
    ],
    ['an input there is not', { inputFieldNames: ['x'] }, 'function input field not found: x'],
    ['an output there is not', { outputFieldNames: ['x'] }, 'function output field not found: x'],
    [
      'a number as input',
      { inputFieldNames: ['number'] },
      'BM25 function input field must be a VARCHAR/TEXT field',
    ],
    ['no analyzer', { inputFieldNames: ['plain'] }, 'must set enable_analyzer to true'],
    ['a text as output', { outputFieldNames: ['plain'] }, 'must be a SparseFloatVector field'],
    ['params', { params: [{ key: 'k1', value: '1' }] }, 'BM25 function accepts no params'],
    ['no type', { type: FunctionType.Unknown }, 'unknown function type'],
  ])('%s is refused', (_, change, reason) => {
    expect(() => parse([{ ...bm25, ...change }])).toThrowError(
      expect.objectContaining({ key: 'invalid_parameter', message: expect.stringContaining(reason) }),
    );
  });

  it('refuses names and outputs twice, marks without a function, nulls, and types that are not built', () => {
    expect(() => parse([bm25, { ...bm25, outputFieldNames: ['other'] }])).toThrowError(
      /duplicate function name: bm25/,
    );
    expect(() => parse([bm25, { ...bm25, name: 'b' }])).toThrowError(
      /duplicate function output field: function b, field sparse/,
    );
    expect(() => parse([], [text, { ...sparse, isFunctionOutput: true }])).toThrowError(
      /no function makes it/,
    );
    expect(() => parse([bm25], [text, { ...sparse, nullable: true }])).toThrowError(/cannot be nullable/);
    expect(() => parse([{ ...bm25, type: FunctionType.MolFingerprint }])).toThrowError(
      expect.objectContaining({ key: 'unsupported', message: expect.stringContaining('MolFingerprint') }),
    );
  });
});
