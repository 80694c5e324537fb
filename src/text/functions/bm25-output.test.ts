// What BM25 makes of rows: counts of words by ascending number; nulls, defaults and analyzers that rows choose.
import { describe, expect, it } from 'vitest';
import { neverAborted } from '#base/on-abort.js';
import { batchOf, bytesAt, columnFromBytes, findColumn } from '#model/columns/column.js';
import { withFunctions } from '#model/functions/schema-functions.js';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { CollectionSchema, DataType, FunctionType } from '#proto/milvus/schema.js';
import { termHash } from '#text/term-hash.js';
import { noEmbedder } from '../../../test/support/no-embedder.js';
import { withFunctionOutputs } from './function-outputs.js';

provideTextPackages();

const schema = withFunctions(
  CollectionSchema.fromPartial({
    fields: [
      { fieldID: 100n, name: 'sparse', dataType: DataType.SparseFloatVector },
      { fieldID: 101n, name: 'language', dataType: DataType.VarChar },
      {
        fieldID: 102n,
        name: 'text',
        dataType: DataType.VarChar,
        nullable: true,
        defaultValue: { data: { $case: 'stringData', value: 'usual text' } },
        typeParams: [
          { key: 'enable_analyzer', value: 'true' },
          {
            key: 'multi_analyzer_params',
            value: JSON.stringify({
              analyzers: { default: {}, english: { type: 'english' } },
              by_field: 'language',
              alias: { en: 'english' },
            }),
          },
        ],
      },
    ],
    functions: [
      { name: 'f', type: FunctionType.BM25, inputFieldNames: ['text'], outputFieldNames: ['sparse'] },
    ],
  }),
);
const bytes = (text: string | null) => (text === null ? null : new TextEncoder().encode(text));
const texts = (id: bigint, values: (string | null)[]) =>
  columnFromBytes(id, DataType.VarChar, values.map(bytes));
const makers = {
  pace: { isDue: false, rest: () => Promise.resolve() },
  embedder: noEmbedder,
  caller: { signal: neverAborted },
};

const expected = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([word, count]) => [termHash(word), count] as const)
    .sort(([a], [b]) => a - b);

async function outputs(batch: Parameters<typeof withFunctionOutputs>[1]) {
  const made = await withFunctionOutputs(schema, batch, makers);
  const column = findColumn(made, 100n);
  return Array.from({ length: batch.rowCount }, (_, row) => {
    const vector = column === undefined ? new Uint8Array(0) : bytesAt(column, row);
    const view = new DataView(vector.buffer, vector.byteOffset, vector.length);
    return Array.from({ length: vector.length / 8 }, (_pair, at) => [
      view.getUint32(at * 8, true),
      view.getFloat32(at * 8 + 4, true),
    ]);
  });
}

describe('the output of BM25', () => {
  it('counts words, by the analyzer that the row names', async () => {
    const batch = batchOf(4, [
      texts(101n, ['', 'en', 'english', 'klingon']),
      texts(102n, ['Dogs run, dogs!', 'Dogs run, dogs!', 'the running', null]),
    ]);
    expect(await outputs(batch)).toEqual([
      expected({ dogs: 2, run: 1 }),
      expected({ dog: 2, run: 1 }),
      expected({ run: 1 }),
      [],
    ]);
  });

  it('takes the default where no text came, and puts columns in the order of the schema', async () => {
    const batch = batchOf(2, [texts(101n, ['', ''])]);
    expect(await outputs(batch)).toEqual([expected({ usual: 1, text: 1 }), expected({ usual: 1, text: 1 })]);
    const made = await withFunctionOutputs(schema, batch, makers);
    expect(made.columns.map(({ fieldId }) => fieldId)).toEqual([100n, 101n]);
  });

  it('makes again what a batch has, and takes texts of more words than it has room for', async () => {
    const words = Array.from({ length: 3000 }, (_, at) => `w${at}`);
    const old = columnFromBytes(100n, DataType.SparseFloatVector, [new Uint8Array(8)]);
    const [row = []] = await outputs(batchOf(1, [old, texts(101n, ['']), texts(102n, [words.join(' ')])]));
    expect(row).toHaveLength(3000);
  });
});
