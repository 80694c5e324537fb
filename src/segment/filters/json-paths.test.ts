import { describe, expect, it } from 'vitest';
import type { PathColumn } from '#expr/evaluate/json/path-column.js';
import { newBits, setFirst } from '#expr/evaluate/rows.js';
import { KeptTotal } from '#segment/kept/kept-total.js';
import { JsonPaths } from './json-paths.js';

const ROWS = 2048;

/** Rows `{"a":1,"b":"x"}`, which have a number and a text. */
function jsonRows() {
  const one = new TextEncoder().encode('{"a":1,"b":"x"}');
  const data = new Uint8Array(one.length * ROWS);
  for (let row = 0; row < ROWS; row++) data.set(one, row * one.length);
  return { data, offsets: Uint32Array.from({ length: ROWS + 1 }, (_, row) => row * one.length) };
}

const json = jsonRows();
const field = { fieldId: 5n, rowCount: ROWS, dataBytes: json.data.length };
const alive = newBits();
setFirst(alive, ROWS);
const fill = (column: PathColumn) => column.chunk({ begin: 0, count: ROWS }, alive, json);

describe('paths of a segment', () => {
  it('keeps a column for the next filter, and counts what it takes', () => {
    const paths = new JsonPaths();
    paths.begin();
    const column = paths.column(field, ['a']);
    expect(fill(column)?.numbers?.[7]).toBe(1);
    const { bytes } = paths;
    expect(bytes).toBeGreaterThan(ROWS * 9);
    paths.begin();
    expect(paths.column(field, ['a'])).toBe(column);
    expect(paths.column({ ...field, fieldId: 6n }, ['a'])).not.toBe(column);
    expect(fill(column)?.numbers?.[7]).toBe(1);
    expect(column.doneCount).toBe(ROWS);
    paths.drop();
    expect(paths.bytes).toBe(0);
  });

  it('gives up a path for one that is asked for more often, and none that the same filter reads', () => {
    const paths = new JsonPaths();
    paths.begin();
    const first = paths.column(field, ['a']);
    const second = paths.column(field, ['a', 'b']);
    expect(fill(first)).toBeDefined();
    expect(fill(second)).toBeDefined();
    // Not all three fit into 16 bytes a row, and the filter that asks for the third reads the second, too.
    const ask = (): boolean => {
      paths.begin();
      expect(paths.column(field, ['a', 'b'])).toBe(second);
      return fill(paths.column({ ...field, fieldId: 6n }, ['a'])) !== undefined;
    };
    expect([ask(), ask(), ask()]).toEqual([false, false, true]);
    expect(paths.bytes).toBeLessThanOrEqual(ROWS * 16);
    paths.begin();
    expect(paths.column(field, ['a', 'b'])).toBe(second);
    expect(paths.column(field, ['a'])).not.toBe(first);
  });

  it('lets two filters that do not fit both keep what the first has, and not take turns', () => {
    const paths = new JsonPaths();
    const fields = [field, { ...field, fieldId: 6n }];
    const filled: boolean[] = [];
    for (let round = 0; round < 100; round++) {
      paths.begin();
      filled.push(fill(paths.column(fields[round % 2] ?? field, ['a'])) !== undefined);
    }
    expect(filled).toEqual(Array.from(filled, (_, round) => round % 2 === 0));
    expect(paths.doneCount(5n, ['a'])).toBe(ROWS);
    expect(paths.doneCount(6n, ['a'])).toBe(0);
  });

  it('forgets what was asked for long ago', () => {
    const paths = new JsonPaths();
    for (let round = 0; round < 1000; round++) {
      paths.begin();
      fill(paths.column(field, ['a']));
    }
    let rounds = 0;
    for (let isFilled = false; !isFilled; rounds++) {
      paths.begin();
      isFilled = fill(paths.column({ ...field, fieldId: 6n }, ['a'])) !== undefined;
    }
    expect(rounds).toBeLessThan(80);
    expect(paths.doneCount(5n, ['a'])).toBe(0);
  });

  it('knows a bounded number of paths', () => {
    const paths = new JsonPaths();
    for (let at = 0; at < 1000; at++) {
      paths.begin();
      fill(paths.column(field, [`k${at}`]));
    }
    const known = Array.from({ length: 1000 }, (_, at) => paths.doneCount(5n, [`k${at}`]) > 0);
    expect(known.filter(Boolean).length).toBeLessThanOrEqual(64);
    expect(paths.bytes).toBeLessThanOrEqual(ROWS * 16);
  });

  it('takes no more for a column that was given up, whose readers go on with the text', () => {
    const paths = new JsonPaths();
    paths.begin();
    const column = paths.column(field, ['a']);
    paths.drop();
    expect(fill(column)).toBeUndefined();
    expect(paths.bytes).toBe(0);
  });

  it('takes nothing while the process has no room, and asks again with the next filter', () => {
    let isFree = false;
    let asked = 0;
    const paths = new JsonPaths();
    const total = new KeptTotal(() => {
      asked++;
      return isFree;
    });
    paths.countIn(total);
    paths.begin();
    const column = paths.column(field, ['a']);
    expect(fill(column)).toBeUndefined();
    isFree = true;
    expect(fill(column)).toBeUndefined();
    expect(asked).toBe(1);
    paths.begin();
    expect(fill(paths.column(field, ['a']))?.numbers?.[7]).toBe(1);
    expect(total.bytes).toBe(paths.bytes);
    total.drop();
    expect([total.bytes, paths.bytes]).toEqual([0, 0]);
  });

  it('holds nothing once its segment is released, whoever still reads it', () => {
    const paths = new JsonPaths();
    const total = new KeptTotal();
    paths.countIn(total);
    paths.begin();
    const column = paths.column(field, ['a']);
    expect(fill(column)).toBeDefined();
    paths.close();
    paths.begin();
    expect(fill(paths.column(field, ['b']))).toBeUndefined();
    expect(total.bytes).toBe(0);
  });

  it('stays within its bound when rows have values of many kinds', () => {
    const texts = Array.from(
      { length: ROWS },
      (_, row) =>
        [`{"a":${row}}`, `{"a":"${row}"}`, `{"a":"${'long '.repeat(20)}"}`, `{"a":[${row}]}`][row % 4],
    ).map((one) => new TextEncoder().encode(one));
    const offsets = new Uint32Array(ROWS + 1);
    for (const [row, text] of texts.entries()) offsets[row + 1] = (offsets[row] as number) + text.length;
    const mixed = { data: new Uint8Array(Buffer.concat(texts)), offsets };
    const paths = new JsonPaths();
    paths.begin();
    const column = paths.column({ fieldId: 5n, rowCount: 100, dataBytes: 20_000 }, ['a']);
    expect(column.chunk({ begin: 0, count: ROWS }, alive, mixed)).toBeUndefined();
    expect(paths.bytes).toBeLessThanOrEqual(20_000);
  });
});
