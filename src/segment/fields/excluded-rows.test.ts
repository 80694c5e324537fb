import { describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { ExcludedRowsOf } from './excluded-rows.js';
import { RowVersions } from './row-versions.js';

const LATEST = 1n << 62n;
const isOut = (bits: Uint8Array | undefined, row: number): boolean =>
  ((bits?.[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;

describe('rows that do not count', () => {
  it('are those of a row-by-row look, by any filter and at any time', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = seededRandom(seed);
      const versions = new RowVersions();
      const rowCount = 1 + nextBelow(random, 200);
      for (let row = 0; row < rowCount; row++) versions.append(1, BigInt(row + 1));
      for (let i = nextBelow(random, 20); i > 0; i--)
        versions.delete(nextBelow(random, rowCount), BigInt(nextBelow(random, 400)));
      for (let i = nextBelow(random, 20); i > 0; i--) {
        const row = nextBelow(random, rowCount);
        versions.supersede(row, row + 1, BigInt(row + 1 + nextBelow(random, rowCount)));
      }
      const nullBits =
        nextBelow(random, 2) === 0
          ? undefined
          : Uint8Array.from({ length: nextBelow(random, 30) }, () => nextBelow(random, 256));
      if (nullBits !== undefined && nullBits.length > rowCount >> 3) nullBits.fill(0, rowCount >> 3);
      const filterRows = Uint32Array.from({ length: rowCount }, (_, row) => row).filter(
        () => nextBelow(random, 3) === 0,
      );
      const excluded = new ExcludedRowsOf(versions, { nullBits });
      for (const readTs of [LATEST, BigInt(rowCount >> 1)]) {
        for (const filter of [{}, { filterRows }, { filterRows, negated: true }]) {
          const { bits, passing, rows } = excluded.at(readTs, filter);
          const counting: number[] = [];
          for (let row = 0; row < rowCount; row++) {
            const isNamed = filterRows.includes(row);
            const isIn = !('filterRows' in filter) || ('negated' in filter ? !isNamed : isNamed);
            if (isIn && versions.isVisible(row, readTs) && !isOut(nullBits, row)) counting.push(row);
          }
          expect(
            Array.from({ length: rowCount }, (_, row) => row).filter((row) => !isOut(bits, row)),
          ).toEqual(counting);
          expect(passing).toBe(counting.length);
          if (rows !== undefined) expect([...rows]).toEqual(counting);
        }
      }
    }
  });
  it('are one snapshot in shared memory until a row is deleted or added, and no bits where all count', () => {
    const versions = new RowVersions();
    versions.append(100, 5n);
    const excluded = new ExcludedRowsOf(versions, { nullBits: undefined });
    expect(excluded.at(LATEST, {})).toEqual({ bits: undefined, passing: 100 });
    versions.delete(7, 6n);
    const first = excluded.at(LATEST, {});
    expect(first.bits?.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(excluded.at(LATEST, {}).bits).toBe(first.bits);
    versions.delete(8, 7n);
    const second = excluded.at(LATEST, {});
    expect([first.passing, second.passing]).toEqual([99, 98]);
    expect(isOut(first.bits, 8)).toBe(false); // What runs sees the state it began with.
    versions.append(1, 9n);
    expect(excluded.at(LATEST, {}).passing).toBe(99);
    expect(excluded.at(8n, {}).passing).toBe(98);
  });

  it('of one filter are computed once, until a row is deleted, and seen as they were by reads of the past', () => {
    const random = seededRandom(5);
    const versions = new RowVersions();
    versions.append(300, 5n);
    const excluded = new ExcludedRowsOf(versions, { nullBits: undefined });
    const bits = new Uint32Array(10);
    const rows = Array.from({ length: 300 }, (_, row) => row).filter(() => nextBelow(random, 20) === 0);
    for (const row of rows) bits[row >> 5] = (bits[row >> 5] as number) | (1 << (row & 31));
    const passing = { bits, rowCount: 300, passing: rows.length };
    const first = excluded.at(LATEST, { passing });
    expect(first.bits?.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...(first.rows ?? [])]).toEqual(rows);
    const again = excluded.at(LATEST, { passing });
    expect([again.bits, again.rows]).toEqual([first.bits, first.rows]);
    expect(again.bits).toBe(first.bits);
    expect(excluded.at(LATEST, { passing: { ...passing } }).bits).not.toBe(first.bits);
    const [gone = 0, ...left] = rows;
    versions.delete(gone, 7n);
    expect([...(excluded.at(LATEST, { passing }).rows ?? [])]).toEqual(left);
    expect([...(excluded.at(6n, { passing }).rows ?? [])]).toEqual(rows);
    versions.append(100, 8n);
    expect(excluded.at(LATEST, { passing }).passing).toBe(left.length);
  });
});

describe('what is kept for the next search with the same filter', () => {
  const passingOf = (rowCount: number) => ({
    bits: new Uint32Array(rowCount / 32).fill(1),
    rowCount,
    passing: rowCount / 32,
  });
  const make = () => {
    const versions = new RowVersions();
    versions.append(640, 5n);
    return { versions, excluded: new ExcludedRowsOf(versions, { nullBits: undefined }) };
  };
  it('is counted, with the rows that were listed, and is of eight filters at most', () => {
    const { excluded } = make();
    expect(excluded.bytes).toBe(0);
    const filters = Array.from({ length: 9 }, () => passingOf(640));
    const [first] = filters.map((passing) => excluded.at(LATEST, { passing }));
    // The bits that passed, those that do not count by row and, in a graph, by node; and there the nodes of few.
    expect(excluded.bytes).toBe(8 * (3 * 80 + 20 * 4));
    expect(excluded.at(LATEST, { passing: filters[0] as (typeof filters)[0] })).not.toBe(first);
    expect(excluded.at(LATEST, { passing: filters[8] as (typeof filters)[0] }).rows).toHaveLength(20);
    expect(excluded.bytes).toBe(8 * (3 * 80 + 20 * 4) + 20 * 4);
  });
  it('has words of one index at a time, which are counted', () => {
    const { excluded } = make();
    const { keeper } = excluded.at(LATEST, { passing: passingOf(640) });
    const before = excluded.bytes;
    const [one, other] = [{}, {}];
    const words = keeper?.wordsFor(one, 256);
    words?.fill(7);
    expect(excluded.bytes).toBe(before + 256);
    expect(keeper?.wordsFor(one, 256)).toBe(words);
    // Another index has other nodes.
    expect([...(keeper?.wordsFor(other, 256) ?? [])]).toEqual(new Array(64).fill(0));
    expect(excluded.bytes).toBe(before + 256);
  });
  it('goes when the rows have changed', () => {
    const { versions, excluded } = make();
    for (let i = 0; i < 4; i++) excluded.at(LATEST, { passing: passingOf(640) });
    versions.delete(7, 6n);
    excluded.at(LATEST, { passing: passingOf(640) });
    expect(excluded.bytes).toBe(3 * 80 + 20 * 4);
  });
});
