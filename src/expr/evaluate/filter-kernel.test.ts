// Kernels against loops, which share no code: each word of a block is asked alone, which the loops do, and all at once, which the kernels do.
import { describe, expect, it } from 'vitest';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import type { FixedView } from './column-view.js';
import { filterKernel, GIVEN_UP, NOT_FOUND } from './filter-kernel.js';
import type { Leaf } from './leaf.js';
import type { Bounds } from './numbers/bounds.js';
import { FieldRange } from './numbers/range-leaves.js';
import { IntFieldIn } from './numbers/set-leaves.js';
import { BLOCK_ROWS, BLOCK_WORDS, isBitSet, maskNulls, newBits, setFirst } from './rows.js';

const NONE = new Uint8Array(0);
const random = seededRandom(11);
const pick = <T>(from: readonly T[], source: Random): T => from[nextBelow(source, from.length)] as T;
const ROWS = BLOCK_ROWS + 77;
const INTS = [0n, 1n, -1n, 5n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, -0, 1, -1.5, 0.1, Number.NaN, Infinity, -Infinity, 2 ** 53, 5e-324, 3.5e38];

const anyInt = (): bigint =>
  nextBelow(random, 3) === 0 ? pick(INTS, random) : BigInt(nextBelow(random, 40)) - 20n;
const anyDouble = (): number =>
  nextBelow(random, 3) === 0 ? pick(DOUBLES, random) : nextFloat(random) * 4 - 2;

const int32s = Int32Array.from({ length: ROWS }, () => Number(BigInt.asIntN(32, anyInt())));
const int64s = BigInt64Array.from({ length: ROWS }, anyInt);
const views: Record<'int32' | 'int64' | 'float' | 'double', FixedView> = {
  int32: { kind: 'fixed', form: 'int32', values: int32s, valid: NONE },
  int64: { kind: 'fixed', form: 'int64', values: new Int32Array(int64s.buffer), valid: NONE },
  float: {
    kind: 'fixed',
    form: 'float',
    values: Float32Array.from({ length: ROWS }, anyDouble),
    valid: NONE,
  },
  double: {
    kind: 'fixed',
    form: 'double',
    values: Float64Array.from({ length: ROWS }, anyDouble),
    valid: NONE,
  },
};

/** Rows of a block that the leaf is true for. @param step every how manieth word is asked at a time */
function found(leaf: Leaf, begin: number, count: number, step: number): number[] {
  const rows: number[] = [];
  for (let word = 0; word < step; word++) {
    const alive = newBits();
    for (let at = word; at < BLOCK_WORDS; at += step) alive[at] = 0xffffffff;
    const isTrue = newBits().fill(0xdeadbeef);
    leaf.evaluate({ begin, count }, alive, isTrue);
    for (let row = 0; row < count; row++)
      if (isBitSet(alive, row) && isBitSet(isTrue, row)) rows.push(begin + row);
  }
  return rows.sort((a, b) => a - b);
}

function expectSame(leaf: Leaf, wanted: (row: number) => boolean, what: string): void {
  for (const [begin, count] of [
    [0, BLOCK_ROWS],
    [32, 1000],
    [77, BLOCK_ROWS],
    [5, 1],
  ] as const) {
    const rows = Array.from({ length: count }, (_, row) => begin + row).filter(wanted);
    expect(found(leaf, begin, count, 1), what).toEqual(rows);
    expect(found(leaf, begin, count, BLOCK_WORDS), what).toEqual(rows);
  }
}

describe('the kernels of filters', () => {
  it('find the ints within bounds, to the last bit', () => {
    for (let round = 0; round < 30; round++) {
      const bounds: Bounds = { kind: 'ints', low: anyInt(), high: anyInt() };
      const isWithin = (value: bigint): boolean => value >= bounds.low && value <= bounds.high;
      const what = `${bounds.low} to ${bounds.high}`;
      expectSame(new FieldRange(views.int32, bounds), (row) => isWithin(BigInt(int32s[row] as number)), what);
      expectSame(new FieldRange(views.int64, bounds), (row) => isWithin(int64s[row] as bigint), what);
    }
  });

  it('find the floats and doubles within bounds', () => {
    for (const form of ['float', 'double'] as const) {
      const { values } = views[form];
      for (let round = 0; round < 30; round++) {
        const bounds: Bounds = { kind: 'doubles', low: anyDouble(), high: anyDouble() };
        const wanted = (row: number): boolean =>
          (values[row] as number) >= bounds.low && (values[row] as number) <= bounds.high;
        expectSame(new FieldRange(views[form], bounds), wanted, `${form} ${bounds.low} to ${bounds.high}`);
      }
    }
  });

  it('find numbers in lists that are short, long, dense and wide', () => {
    const lists = [
      [5n],
      INTS,
      Array.from({ length: 30 }, (_, at) => BigInt(at) - 15n),
      [-20n, 2n ** 20n - 21n],
      Array.from({ length: 3000 }, (_, at) => BigInt(at) * 1_000_003n - 15_000_045n),
      Array.from({ length: 70_000 }, (_, at) => BigInt(at) * 4n - 20n),
      Array.from({ length: 70_000 }, (_, at) => BigInt(at) * 1_000_003n - 1_000_003n),
    ];
    for (const list of lists) {
      const values = BigInt64Array.from(list).sort();
      const set = new Set(list);
      const what = `${list.length} values`;
      const [narrow, wide] = [views.int32, views.int64];
      if (narrow.form !== 'int32' || wide.form !== 'int64') throw new TypeError('other views');
      expectSame(new IntFieldIn(narrow, values), (row) => set.has(BigInt(int32s[row] as number)), what);
      expectSame(new IntFieldIn(wide, values), (row) => set.has(int64s[row] as bigint), what);
    }
  });

  it('take out the rows that are null', () => {
    const valid = Uint8Array.from({ length: ROWS }, () => nextBelow(random, 3));
    for (const [begin, count] of [
      [0, BLOCK_ROWS],
      [3, 70],
    ] as const) {
      const known = newBits();
      setFirst(known, count);
      maskNulls(valid, { begin, count }, known);
      for (let row = 0; row < BLOCK_ROWS; row++)
        expect(isBitSet(known, row)).toBe(row < count && valid[begin + row] !== 0);
    }
  });

  it('find a text only within its window, and give up on texts that make them compare too much', () => {
    const kernel = filterKernel();
    const utf8 = new TextEncoder();
    const find = (text: string, needle: string, begin = 0, end = text.length): number => {
      kernel.takeNeedle(utf8.encode(needle));
      kernel.takeWindow(utf8.encode(`${text}abcabc`), 0, text.length + 6);
      return kernel.find(begin, end, needle.length);
    };
    expect(find('xxabcabc', 'abc')).toBe(2);
    expect(find('xxabcabc', 'abc', 3)).toBe(5);
    expect(find('xxabcabc', 'abc', 6)).toBe(NOT_FOUND);
    expect(find('xxabcab', 'abc', 3)).toBe(NOT_FOUND);
    expect(find('ab', 'abc')).toBe(NOT_FOUND);
    expect(find('bab', 'a')).toBe(1);
    expect(find(`${'x'.repeat(40)}y`, 'y')).toBe(40);
    expect(find('a'.repeat(5000), `${'a'.repeat(100)}b${'a'.repeat(100)}`)).toBe(GIVEN_UP);
  });
});
