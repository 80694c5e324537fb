import { expect, test } from 'vitest';
import { RunLength } from './run-length.js';

/** The longest run and the number of runs. */
function passOver(rowCount: number, length: RunLength, msOf: (row: number) => number) {
  let longestMs = 0;
  let runs = 0;
  for (let begin = 0; begin < rowCount; runs++) {
    const end = length.endOf(begin, rowCount);
    expect(end).toBeGreaterThan(begin);
    const isInWord = begin >>> 5 === (end - 1) >>> 5;
    const isWhole = (begin & 31) === 0 && ((end & 31) === 0 || end === rowCount);
    expect(isInWord || isWhole).toBe(true);
    let ms = 0;
    for (let row = begin; row < end; row++) ms += msOf(row);
    longestMs = Math.max(longestMs, ms);
    length.took(ms);
    begin = end;
  }
  return { longestMs, runs };
}

test('rows that take long are asked one by one from the first on', () => {
  expect(passOver(200, new RunLength(512, false), () => 300)).toEqual({ longestMs: 300, runs: 200 });
});

test('rows that take no time soon come in runs of full length', () => {
  expect(passOver(1_000_000, new RunLength(16_384, true), () => 0).runs).toBe(62);
  expect(passOver(1_000_000, new RunLength(16_384, false), () => 0).runs).toBeLessThan(75);
});

test('a run of rows that turn out long is the last long one', () => {
  const { longestMs } = passOver(10_000, new RunLength(4096, false), (row) => (row < 5000 ? 0.0001 : 5));
  expect(longestMs).toBeLessThan(5 * 4096);
  const after = new RunLength(4096, false);
  after.took(0);
  after.took(4 * 300);
  expect(after.endOf(0, 10_000)).toBe(1);
});
