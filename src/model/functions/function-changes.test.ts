// Functions that come, change and go over a schema that has rows.
import { describe, expect, it } from 'vitest';
import {
  CollectionSchema,
  DataType,
  FieldSchema,
  FunctionSchema,
  FunctionType,
} from '#proto/milvus/schema.js';
import { withAlteredFunction, withFunction, withFunctionField, withoutFunction } from './function-changes.js';
import { withFunctions } from './schema-functions.js';

const dim = (value: number) => [{ key: 'dim', value: String(value) }];
const bm25 = FunctionSchema.fromPartial({
  name: 'words',
  type: FunctionType.BM25,
  inputFieldNames: ['text'],
  outputFieldNames: ['sparse'],
});
const embed = FunctionSchema.fromPartial({
  name: 'embed',
  type: FunctionType.TextEmbedding,
  inputFieldNames: ['text'],
  outputFieldNames: ['dense'],
  params: [{ key: 'provider', value: 'openai' }],
});
const before = {
  schema: withFunctions(
    CollectionSchema.fromPartial({
      version: 4,
      fields: [
        { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        {
          fieldID: 101n,
          name: 'text',
          dataType: DataType.VarChar,
          typeParams: [{ key: 'enable_analyzer', value: 'true' }],
        },
        { fieldID: 102n, name: 'sparse', dataType: DataType.SparseFloatVector },
        { fieldID: 103n, name: 'dense', dataType: DataType.FloatVector, typeParams: dim(4) },
        { fieldID: 104n, name: 'bits', dataType: DataType.BinaryVector, typeParams: dim(64) },
        { fieldID: 105n, name: 'maybe', dataType: DataType.FloatVector, typeParams: dim(4), nullable: true },
      ],
      functions: [bm25],
    }),
  ),
  lastFieldId: 105n,
};
const outputs = ({ fields }: CollectionSchema): string[] =>
  fields.filter(({ isFunctionOutput }) => isFunctionOutput).map(({ name }) => name);

describe('changes of functions', () => {
  it('a function comes over fields that are there', () => {
    const { schema } = withFunction(before, embed);
    expect(schema.version).toBe(5);
    expect(schema.functions.map(({ id, name }) => [id, name])).toEqual([
      [100n, 'words'],
      [101n, 'embed'],
    ]);
    expect(schema.functions[1]).toMatchObject({ inputFieldIds: [101n], outputFieldIds: [103n] });
    expect(outputs(schema)).toEqual(['sparse', 'dense']);
  });

  it.each<[string, Partial<FunctionSchema>, RegExp]>([
    ['BM25, whose rows have no words', { type: FunctionType.BM25 }, /does not support adding BM25/],
    ['a name that is taken', { name: 'words' }, /duplicate function name: words/],
    ['no name', { name: '' }, /function name cannot be empty/],
    ['an output that is made', { outputFieldNames: ['sparse'] }, /must be a FloatVector/],
    ['an output with nulls', { outputFieldNames: ['maybe'] }, /cannot be nullable/],
    ['an input that is no text', { inputFieldNames: ['id'] }, /must be a VARCHAR\/TEXT field/],
    ['no provider', { params: [] }, /provider parameter:\[provider\] was not found/],
  ])('%s is refused', (_, change, reason) => {
    expect(() => withFunction(before, { ...embed, ...change })).toThrowError(reason);
  });

  it('a field is made by one function', () => {
    const once = withFunction(before, embed);
    expect(() => withFunction(once, { ...embed, name: 'again' })).toThrowError(
      /duplicate function output field/,
    );
  });

  it('parameters change, and nothing else', () => {
    const added = withFunction(before, embed);
    const params = [{ key: 'provider', value: 'cohere' }];
    const { schema } = withAlteredFunction(added, { name: 'embed', function: { ...embed, params } });
    expect(schema.functions[1]).toMatchObject({ id: 101n, params, outputFieldIds: [103n] });
    expect(schema.version).toBe(6);
    const alter = (name: string, change: Partial<FunctionSchema>) => () =>
      withAlteredFunction(added, { name, function: { ...embed, ...change } });
    expect(alter('x', {})).toThrowError(/Function x not exists/);
    expect(alter('words', { ...bm25 })).toThrowError(/does not support alter BM25/);
    expect(alter('embed', { name: 'other' })).toThrowError(/name not match/);
    expect(alter('embed', { outputFieldNames: ['maybe'] })).toThrowError(/its type and its fields stay/);
    expect(alter('embed', { type: FunctionType.MinHash })).toThrowError(/its type and its fields stay/);
  });

  it('a function goes, alone or with its field', () => {
    const added = withFunction(before, embed);
    const alone = withoutFunction(added, { name: 'embed', withOutputs: false });
    expect([outputs(alone.schema), alone.columnIds, alone.schema.version]).toEqual([['sparse'], [], 6]);
    const both = withoutFunction(added, { name: 'embed', withOutputs: true });
    expect([both.columnIds, both.schema.version]).toEqual([[103n], 6]);
    expect(both.schema.fields.map(({ name }) => name)).not.toContain('dense');
    expect(() => withoutFunction(added, { name: 'words', withOutputs: false })).toThrowError(/droping BM25/);
    expect(withoutFunction(added, { name: 'words', withOutputs: true }).columnIds).toEqual([102n]);
  });

  it('a function comes with the field that it makes, which only goes together with it', () => {
    const field = FieldSchema.fromPartial({ name: 'more', dataType: DataType.SparseFloatVector });
    const made = { ...bm25, name: 'more words', outputFieldNames: ['more'] };
    const add = (functions: readonly FunctionSchema[], fields = [field]) =>
      withFunctionField(before, { fields, functions }, 'UTC');
    const { schema, lastFieldId } = add([made]);
    expect(lastFieldId).toBe(106n);
    expect(outputs(schema)).toEqual(['sparse', 'more']);
    expect(schema.functions[1]).toMatchObject({ id: 101n, inputFieldIds: [101n], outputFieldIds: [106n] });
    expect(() => add([])).toThrowError(/exactly one function and one output field/);
    expect(() => add([made, made])).toThrowError(/exactly one function and one output field/);
    expect(() => add([made], [{ ...field, nullable: true }])).toThrowError(/cannot be nullable/);
    expect(() => add([{ ...made, outputFieldNames: ['sparse'] }])).toThrowError(/name the same field/);
    const bits = FieldSchema.fromPartial({ ...field, dataType: DataType.BinaryVector, typeParams: dim(64) });
    const signs = { ...made, type: FunctionType.MinHash, params: [{ key: 'token_level', value: 'char' }] };
    const late = add([signs], [bits]);
    const drop = (withOutputs: boolean) =>
      withoutFunction(late, { name: made.name, withOutputs }, [late.lastFieldId]);
    expect(() => drop(false)).toThrowError(/drop it together with the field/);
    expect(drop(true).columnIds).toEqual([106n]);
  });
});
