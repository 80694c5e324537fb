// Parts of a new segment's columns: whichever rows make it, in whichever order, each part has exactly its own.
import { expect, test } from 'vitest';
import { must } from '#base/assert.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { bytesAt, findColumn, int64At, isNull } from '#model/columns/column.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { DIM, KEY, NAME, testBatch, VECTOR } from '../../../../test/support/segments.js';
import { OutputColumns } from './output-columns.js';

const lineOf = (batch: ColumnBatch, row: number): string => {
  const columnOf = (id: bigint) => must(findColumn(batch, id), `field ${id}`);
  const [key, name, vector] = [columnOf(KEY), columnOf(NAME), columnOf(VECTOR)];
  const text = isNull(name, row) ? 'null' : [...bytesAt(name, row)].join(' ');
  return `${int64At(key, row)} | ${text} | ${[...vector.data.subarray(row * DIM * 4, (row + 1) * DIM * 4)]}`;
};

test.each([
  ['all, one source after the other', 0, false],
  ['with gaps, one source after the other', 0.3, false],
  ['all, mixed', 0, true],
  ['with gaps, mixed', 0.3, true],
] as const)('%s', (_, gaps, isMixed) => {
  const random = seededRandom(7);
  const batches = [0, 40, 45].map((first, at) =>
    testBatch(
      Array.from({ length: [40, 5, 30][at] ?? 0 }, (_row, row) => BigInt(first + row)),
      random,
    ),
  );
  const places = batches.flatMap((batch, source) =>
    Array.from({ length: batch.rowCount }, (_row, row) => ({ source, row })),
  );
  const kept = places.filter(() => nextBelow(random, 100) >= gaps * 100);
  if (isMixed) kept.sort((a, b) => ((a.row * 37) % 11) - ((b.row * 37) % 11) || a.source - b.source);
  const output = {
    sources: Uint16Array.from(kept, ({ source }) => source),
    rows: Uint32Array.from(kept, ({ row }) => row),
  };
  const columns = new OutputColumns(output, batches);
  const lines = kept.map(({ source, row }) => lineOf(must(batches[source], 'batch'), row));
  expect(columns.rowCount).toBe(lines.length);
  for (const step of [1, 3, 16, lines.length])
    for (let begin = 0; begin < lines.length; begin += step) {
      const end = Math.min(lines.length, begin + step);
      const part = columns.rows(begin, end);
      expect(Array.from({ length: part.rowCount }, (_row, row) => lineOf(part, row))).toEqual(
        lines.slice(begin, end),
      );
    }
});

test('a source without a row in the new segment needs no columns, and nulls of one source are those of all', () => {
  const [first, second] = [testBatch([1n, 2n], seededRandom(1)), testBatch([3n, 4n], seededRandom(2))];
  const output = { sources: Uint16Array.of(2, 2), rows: Uint32Array.of(0, 1) };
  const columns = new OutputColumns(output, [undefined, undefined, second]);
  expect(lineOf(columns.rows(1, 2), 0)).toBe(lineOf(second, 1));
  const withNulls = {
    ...first,
    columns: first.columns.map((one) => ({ ...one, valid: Uint8Array.of(1, 0) })),
  };
  const nulls = new OutputColumns({ sources: Uint16Array.of(0, 1), rows: Uint32Array.of(0, 0) }, [
    second,
    withNulls,
  ]);
  expect(nulls.hasNulls(VECTOR)).toBe(true);
  expect(columns.hasNulls(VECTOR)).toBe(false);
});
