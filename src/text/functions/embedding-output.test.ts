// Embeddings of rows: which texts are asked for, and which rows keep the vector that they have.
import { describe, expect, it } from 'vitest';
import { neverAborted } from '#base/on-abort.js';
import { batchOf, columnFromStrings, findColumn } from '#model/columns/column.js';
import { withFunctions } from '#model/functions/schema-functions.js';
import { CollectionSchema, DataType, FunctionType } from '#proto/milvus/schema.js';
import { type Embedder, remembering } from './embedder.js';
import { withFunctionOutputs } from './function-outputs.js';

const schema = withFunctions(
  CollectionSchema.fromPartial({
    fields: [
      { fieldID: 101n, name: 'text', dataType: DataType.VarChar },
      {
        fieldID: 102n,
        name: 'dense',
        dataType: DataType.FloatVector,
        typeParams: [{ key: 'dim', value: '1' }],
      },
    ],
    functions: [
      {
        name: 'embed',
        type: FunctionType.TextEmbedding,
        inputFieldNames: ['text'],
        outputFieldNames: ['dense'],
        params: [{ key: 'provider', value: 'any' }],
      },
    ],
  }),
);
const texts = (...values: string[]) =>
  batchOf(values.length, [columnFromStrings(101n, DataType.VarChar, values)]);
const lengthsOf = (values: readonly string[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values, ({ length }) => length).buffer);

function setUp() {
  const asked: (readonly string[])[] = [];
  let fails = false;
  const embedder: Embedder = {
    embed: async ({ texts: sent }) => {
      asked.push(sent);
      if (fails) throw new Error('busy');
      return lengthsOf(sent);
    },
  };
  const makers = {
    pace: { isDue: false, rest: () => Promise.resolve() },
    embedder: remembering(embedder),
    caller: { signal: neverAborted },
  };
  return { asked, makers, fail: (value: boolean) => (fails = value) };
}

describe('embeddings of rows', () => {
  it('asks for each text once, also when the write begins anew', async () => {
    const { asked, makers } = setUp();
    for (let time = 0; time < 2; time++) {
      const batch = await withFunctionOutputs(schema, texts('a', 'bb', 'a'), makers);
      expect(findColumn(batch, 102n)?.data).toEqual(lengthsOf(['a', 'bb', 'a']));
    }
    await withFunctionOutputs(schema, texts('ccc', 'bb'), makers);
    expect(asked).toEqual([['a', 'bb'], ['ccc']]);
  });

  it('keeps nothing of a failure', async () => {
    const { asked, makers, fail } = setUp();
    fail(true);
    await expect(withFunctionOutputs(schema, texts('a'), makers)).rejects.toThrow('busy');
    fail(false);
    await withFunctionOutputs(schema, texts('a'), makers);
    expect(asked).toEqual([['a'], ['a']]);
  });

  it('leaves vectors of rows whose text was not sent', async () => {
    const { asked, makers } = setUp();
    const row = await withFunctionOutputs(schema, texts('a'), makers);
    const kept = await withFunctionOutputs(schema, row, { ...makers, changed: batchOf(1, []) });
    expect(findColumn(kept, 102n)).toEqual(findColumn(row, 102n));
    await withFunctionOutputs(schema, texts('new'), { ...makers, changed: batchOf(1, []) });
    await withFunctionOutputs(schema, row, { ...makers, changed: texts('b') });
    expect(asked).toEqual([['a'], ['new']]);
  });

  it('asks nothing for no rows', async () => {
    const { asked, makers } = setUp();
    const { columns } = await withFunctionOutputs(schema, texts(), makers);
    expect([columns.length, asked]).toEqual([2, []]);
  });
});
