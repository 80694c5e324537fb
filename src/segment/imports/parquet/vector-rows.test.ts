// Vectors whose numbers are cut into pages anywhere, as writers may do: each row is whole again, and a list of another length is named.
import fc from 'fast-check';
import { parquetSchema } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { CellColumn } from '#model/rows/cell-columns.js';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import type { DataPage } from './page-source.js';
import { LeafValues } from './page-values.js';
import { VectorRows } from './vector-rows.js';

const DIM = 3;
const field = FieldSchema.fromPartial({
  name: 'v',
  dataType: DataType.FloatVector,
  typeParams: [{ key: 'dim', value: String(DIM) }],
});
const tree = parquetSchema({
  schema: [
    { name: 'root', num_children: 1 },
    { name: 'v', num_children: 1, repetition_type: 'OPTIONAL', converted_type: 'LIST' },
    { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
    { name: 'element', type: 'FLOAT', repetition_type: 'OPTIONAL' },
  ],
});
const [list] = tree.children;
const path = [tree, ...(list ? [list, ...list.children, ...(list.children[0]?.children ?? [])] : [])];

/** An entry: its levels, and its number where it has one. */
type Entry = readonly [repetition: number, definition: number, value?: number];
const entriesOf = (row: readonly number[] | null): Entry[] =>
  row === null ? [[0, 0]] : row.map((value, at): Entry => [at === 0 ? 0 : 1, 3, value]);

function pageOf(entries: readonly Entry[]): DataPage {
  const values = entries.flatMap(([, , value]) => (value === undefined ? [] : [value]));
  const whole = values.length === entries.length;
  return {
    entries: entries.length,
    repetition: Uint8Array.from(entries, ([repetition]) => repetition),
    definition: whole ? undefined : Uint8Array.from(entries, ([, definition]) => definition),
    values: values.length,
    encoding: 'PLAIN',
    bytes: new Uint8Array(Float32Array.from(values).buffer),
  };
}

async function read(rows: readonly (readonly number[] | null)[], sizes: readonly number[], step: number) {
  const entries = rows.flatMap(entriesOf);
  const pages: DataPage[] = [];
  for (let at = 0, page = 0; at < entries.length; page++) {
    const size = sizes[page % sizes.length] ?? 1;
    pages.push(pageOf(entries.slice(at, at + size)));
    at += size;
  }
  const found: (number[] | null)[] = [];
  const target: CellColumn = {
    name: 'v',
    field,
    add: () => void found.push(null),
    addText: () => {},
    addTextBytes: () => false,
    addRows: (bytes) => {
      const numbers = new Float32Array(bytes.slice().buffer);
      for (let at = 0; at < numbers.length; at += DIM) found.push([...numbers.subarray(at, at + DIM)]);
      return true;
    },
  };
  const source = { next: async () => pages.shift(), dictionary: undefined };
  const values = new LeafValues(path, false);
  const column = {
    key: 'f.parquet',
    field,
    target,
    source,
    values,
    type: 'f4',
    listLevel: 1,
    maxDefinition: 3,
  };
  const vectors = new VectorRows(column);
  for (let row = 0; row < rows.length; row += step)
    await vectors.take(Math.min(step, rows.length - row), row + 1);
  await vectors.finish(rows.length);
  return found;
}

const vector = fc.array(fc.integer({ min: -99, max: 99 }), { minLength: DIM, maxLength: DIM });
const sizes = fc.array(fc.integer({ min: 1, max: 11 }), { minLength: 1, maxLength: 5 });

describe('VectorRows', () => {
  it.each([
    ['without nulls', vector],
    ['with nulls', fc.option(vector, { nil: null })],
  ])('puts vectors together that pages cut anywhere, %s', async (_, row) => {
    const rows = fc.array<number[] | null>(row, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(rows, sizes, fc.integer({ min: 1, max: 5 }), async (list, cuts, step) => {
        expect(await read(list, cuts, step)).toEqual(list);
      }),
    );
  });

  it.each([
    [
      [
        [1, 2, 3],
        [4, 5],
        [6, 7, 8],
      ],
      2,
    ],
    [
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9, 10],
      ],
      3,
    ],
    [[[1, 2, 3, 4], null], 1],
    [[[1, 2, 3], [4]], 2],
  ])('names the row of a list of another length: %j', async (rows, row) => {
    for (const cut of [1, 2, 3, 100])
      await expect(read(rows, [cut], 1)).rejects.toThrow(
        new RegExp(`^file "f.parquet" row ${row}: field "v": the list has`),
      );
  });
});
