// Rows of CSV are the same wherever the slices of a file are cut, and a row of many slices takes time linear in its length.
import { describe, expect, it } from 'vitest';
import { CsvSplitter } from './csv-splitter.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function rowsOf(bytes: Uint8Array, sliceLength: number): string[][] {
  const splitter = new CsvSplitter(',');
  const rows: string[][] = [];
  const read = (found: ReturnType<CsvSplitter['push']>): void => {
    for (const cells of found) rows.push(cells.map((cell) => decoder.decode(cell.bytes)));
  };
  for (let at = 0; at < bytes.length; at += sliceLength) {
    // Readers use the memory of a slice again once it was taken.
    const slice = bytes.slice(at, at + sliceLength);
    read(splitter.push(slice));
    slice.fill(0);
  }
  read(splitter.finish());
  return rows;
}

describe('rows of CSV', () => {
  const text = `\ufeffid,"a ""b""\r\nc"\r\n\n1,${'x'.repeat(40)}\r\n"${'y,'.repeat(30)}",2\n,""\n3,end`;
  const expected = [
    ['id', 'a "b"\r\nc'],
    ['1', 'x'.repeat(40)],
    ['y,'.repeat(30), '2'],
    ['', ''],
    ['3', 'end'],
  ];

  it.each([1, 2, 3, 5, 7, 16, 64, 1000])('are the same in slices of %i bytes', (sliceLength) => {
    expect(rowsOf(encoder.encode(text), sliceLength)).toEqual(expected);
  });

  it('of many slices are looked through a few times only', () => {
    const cells = [`"${'z'.repeat(8 << 20)}"`, 'w'.repeat(8 << 20)];
    const [row = []] = rowsOf(encoder.encode(cells.join(',')), 512);
    expect(row.map(({ length }) => length)).toEqual([8 << 20, 8 << 20]);
  });

  it('of more than 32 MiB are refused while they are read', () => {
    expect(() => rowsOf(new Uint8Array(33 << 20).fill(0x78), 64 << 10)).toThrow(
      /a row has more than 33554432 bytes/,
    );
  });
});
