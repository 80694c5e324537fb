import { expect, test } from 'vitest';
import { widthsOfLevel } from './auto-level.js';
import { learnedWidth, recallOfLevel } from './learned-levels.js';

const levels = {
  ks: [10, 100],
  widths: [
    [40, 44, 50, 60, 70, 80, 100, 120, 140, 160],
    [200, 210, 220, 230, 240, 250, 300, 350, 400, 500],
  ],
};

test('levels promise 9 of 10 to 99 of 100', () => {
  expect(recallOfLevel(1)).toBeCloseTo(0.9);
  expect(recallOfLevel(10)).toBeCloseTo(0.99);
});

test('what was learned is taken, between two numbers of hits in between, beyond them as the table grows', () => {
  expect(learnedWidth(levels, 1, 10)).toBe(40);
  expect(learnedWidth(levels, 1, 1)).toBe(40);
  expect(learnedWidth(levels, 1, 55)).toBe(120);
  expect(learnedWidth(levels, 10, 100)).toBe(500);
  expect(learnedWidth(levels, 1, 1000)).toBe(
    Math.ceil((200 * widthsOfLevel(1, 1000).ef) / widthsOfLevel(1, 100).ef),
  );
});

test('never less than the table for all indexes, which is at least k', () => {
  const easy = { ks: [10, 100], widths: [Array(10).fill(11), Array(10).fill(101)] };
  for (const level of [1, 5, 10])
    for (const k of [1, 10, 60, 100, 3000])
      expect(learnedWidth(easy, level, k)).toBe(widthsOfLevel(level, k).ef);
});
