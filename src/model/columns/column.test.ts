// Columns: values there and back at any alignment, rows picked and put together as plain arrays would be.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import {
  batchOf,
  columnFromInt64,
  columnFromStrings,
  concatBatches,
  gatherBatch,
  int64At,
  int64Values,
  isNull,
  rowCountOf,
  sliceColumn,
  stringAt,
} from './column.js';

const strings = fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 5 }), { freq: 4 }), {
  maxLength: 20,
});

const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const read = (column: Column): (string | null)[] =>
  Array.from({ length: rowCountOf(column, 0) }, (_, row) =>
    isNull(column, row) ? null : stringAt(column, row),
  );

describe('columns', () => {
  it('give strings and nulls back, whole, sliced, gathered and joined', () => {
    fc.assert(
      fc.property(
        strings,
        strings,
        fc.nat(),
        fc.nat(),
        fc.array(fc.nat(), { maxLength: 10 }),
        (a, b, from, length, picks) => {
          const [first, second] = [a, b].map((values) =>
            columnFromStrings(100n, DataType.VarChar, values),
          ) as [Column, Column];
          expect(read(first)).toEqual(a);
          const begin = from % (a.length + 1);
          const end = begin + (length % (a.length - begin + 1));
          expect(read(sliceColumn(first, begin, end, a.length))).toEqual(a.slice(begin, end));
          const joined = concatBatches([batchOf(a.length, [first]), batchOf(b.length, [second])]);
          expect(read(joined.columns[0] as Column)).toEqual([...a, ...b]);
          const rows = Uint32Array.from(a.length === 0 ? [] : picks, (pick) => pick % a.length);
          expect(read(gatherBatch(batchOf(a.length, [first]), rows).columns[0] as Column)).toEqual(
            Array.from(rows, (row) => a[row]),
          );
        },
      ),
    );
  });
  it('give int64 back at any byte offset', () => {
    fc.assert(
      fc.property(
        fc.array(int64, { maxLength: 9 }),
        fc.nat(15),
        fc.array(fc.nat(), { maxLength: 5 }),
        (values, shift, picks) => {
          const aligned = columnFromInt64(100n, values);
          const bytes = new Uint8Array(values.length * 8 + shift);
          bytes.set(aligned.data, shift);
          const column = { ...aligned, data: bytes.subarray(shift) };
          expect(values.map((_, row) => int64At(column, row))).toEqual(values);
          expect([...int64Values(column)]).toEqual(values);
          const rows = Uint32Array.from(values.length === 0 ? [] : picks, (pick) => pick % values.length);
          const picked = gatherBatch(batchOf(values.length, [column]), rows).columns[0] as Column;
          expect([...int64Values(picked)]).toEqual(Array.from(rows, (row) => values[row]));
        },
      ),
    );
  });
});
