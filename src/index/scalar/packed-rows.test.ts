import { describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import { OrderedIndex } from './ordered-index.js';
import { decodeOrderedIndex, encodeOrderedIndex } from './ordered-index-bytes.js';
import { PackedRows, packRows } from './packed-rows.js';

const NONE = new Uint8Array(0);
const ROWS = 140_000;
const random = seededRandom(5);

/** Rows of few values in every manner: scattered, in runs, seldom, none in whole chunks, up to the last row. */
const columns: Readonly<Record<string, (row: number) => number>> = {
  scattered: () => nextBelow(random, 3),
  'in runs': (row) => Math.floor(row / 500) % 7,
  'in one run each': (row) => Math.floor(row / 50_000),
  'one seldom': (row) => Number(row % 1000 === 999),
  uneven: () => Math.floor(Math.sqrt(nextBelow(random, 10_000))),
  'one value': () => 4,
  'runs and single rows': (row) => (row % 90 < 40 ? 1 : nextBelow(random, 20)),
};

const indexOf = (values: Int16Array): OrderedIndex =>
  OrderedIndex.build({ kind: 'fixed', form: 'int16', values, valid: NONE }, values.length);

function expectRows(index: OrderedIndex, values: Int16Array, low: number, high: number): void {
  const run = index.between(
    { value: BigInt(low), isInclusive: true },
    { value: BigInt(high), isInclusive: true },
  );
  const bits = new Uint32Array(Math.ceil(values.length / 32));
  index.addRows(run, bits);
  let rows = 0;
  for (const [row, value] of values.entries()) {
    const isWanted = value >= low && value <= high;
    rows += Number(isWanted);
    if (isBitSet(bits, row) !== isWanted) expect.fail(`row ${row} of value ${value}, ${low} to ${high}`);
  }
  expect(index.countRows(run)).toBe(rows);
}

describe('rows in containers', () => {
  for (const [name, valueAt] of Object.entries(columns)) {
    it(`are those of the column, also from bytes: ${name}`, () => {
      const values = Int16Array.from({ length: ROWS }, (_, row) => valueAt(row));
      const index = indexOf(values);
      expect(index.parts.rows).toBeInstanceOf(PackedRows);
      const bytes = encodeOrderedIndex(index);
      const read = decodeOrderedIndex(bytes);
      expect(encodeOrderedIndex(read)).toEqual(bytes);
      expect(bytes.length).toBeLessThan(ROWS * 3.1);
      for (const one of [index, read])
        for (const [low, high] of [
          [0, 0],
          [1, 1],
          [4, 40],
          [-1, 200],
        ] as const)
          expectRows(one, values, low, high);
    });
  }

  it('are a list where that takes less, and of few rows', () => {
    expect(indexOf(Int16Array.from({ length: 1000 }, (_, row) => row)).parts.rows).toBeInstanceOf(
      Uint32Array,
    );
    expect(packRows({ starts: Uint32Array.of(0, 3), rows: Uint32Array.of(1, 2, 3) })).toBeUndefined();
    expect(packRows({ starts: Uint32Array.of(0), rows: new Uint32Array(0) })).toBeUndefined();
    const far = Uint32Array.from({ length: 100 }, (_, at) => at * 65_536);
    expect(packRows({ starts: Uint32Array.of(0, 100), rows: far })).toBeUndefined();
  });

  it('are refused where a writer got them wrong and gave a checksum', () => {
    const values = Int16Array.from({ length: ROWS }, (_, row) =>
      row % 1000 === 999 ? 2 : row < 1000 ? 1 : row % 3 === 0 ? 3 : 0,
    );
    const { parts } = indexOf(values);
    if (!(parts.rows instanceof PackedRows)) throw new TypeError('rows are listed');
    const packed = parts.rows.parts;
    expect([...new Set(packed.forms)].sort()).toEqual([0, 1, 2]);
    const changed = (key: 'firsts' | 'heads' | 'places' | 'forms' | 'words', at: number, value: number) => {
      const copy = packed[key].slice();
      copy[at] = value;
      const rows = new PackedRows({ ...packed, [key]: copy });
      return encodeOrderedIndex(new OrderedIndex({ ...parts, rows }));
    };
    const listed = packed.forms.indexOf(0);
    const run = packed.forms.indexOf(2);
    for (const bytes of [
      changed('firsts', 1, 900),
      changed('firsts', 1, 1),
      changed('heads', 0, 5),
      changed('heads', 1, packed.heads[0] as number),
      // Rows that fit, of the chunk before.
      changed('heads', 1, (packed.heads[1] as number) & 0xffff),
      changed('places', 1, (packed.places[1] as number) + 1),
      changed('places', 1, 2 ** 31),
      ...[0, 1, 2, 3]
        .map((form) => changed('forms', 0, (form + 1 + (packed.forms[0] as number)) % 4))
        .slice(0, 3),
      changed('words', 0, (packed.words[0] as number) ^ 4),
      changed('words', packed.places[listed] as number, 0xffff_ffff),
      changed('words', packed.places[run] as number, 0xffff_ffff),
    ])
      expect(() => decodeOrderedIndex(bytes)).toThrow(/scalar index/);
    const short = new OrderedIndex({ ...parts, rowCount: ROWS - 1 });
    expect(() => decodeOrderedIndex(encodeOrderedIndex(short))).toThrow(/names row 139999 of 139999/);
  });
});
