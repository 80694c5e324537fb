// Words that are near: against the definition, over words of few letters, so that all kinds of changes meet.
import { expect, test } from 'vitest';
import { NearWords } from './near-words.js';

/** Optimal string alignment, as it is defined. */
function distanceOf(one: string, other: string): number {
  const [a, b] = [[...one], [...other]];
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => table[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      let steps = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + Number(a[i - 1] !== b[j - 1]),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        steps = Math.min(steps, at(i - 2, j - 2) + 1);
      (table[i] as number[])[j] = steps;
    }
  return at(a.length, b.length);
}

test('words of few letters, against the definition', () => {
  let seed = 11;
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const word = (): string => Array.from({ length: next(9) }, () => ['a', 'b', 'é', '😀'][next(4)]).join('');
  for (let round = 0; round < 4000; round++) {
    const wanted = Array.from({ length: 1 + next(3) }, word);
    const [candidate, distance] = [word(), next(3)];
    const expected = wanted.some((one) => distanceOf(one, candidate) <= distance);
    const near = new NearWords(wanted, distance);
    expect([wanted, candidate, distance, near.has(candidate)]).toEqual([
      wanted,
      candidate,
      distance,
      expected,
    ]);
    expect(near.has(candidate)).toBe(expected);
  }
});

test('each kind of change, and both sides of the bound', () => {
  const isNear = (wanted: string, word: string, distance: number): boolean =>
    new NearWords([wanted], distance).has(word);
  for (const [wanted, word, distance] of [
    ['alergy', 'allergy', 1],
    ['allergy', 'alergy', 1],
    ['milvuz', 'milvus', 1],
    ['miluvs', 'milvus', 1],
    ['mlivsu', 'milvus', 2],
    ['x', '', 1],
    ['東京都', '東京', 1],
    // Two changes, as no part is changed twice: three here.
    ['ca', 'abc', 3],
  ] as const) {
    expect(isNear(wanted, word, distance)).toBe(true);
    expect(isNear(wanted, word, distance - 1)).toBe(false);
  }
});

test('long words take time linear in their length', () => {
  const long = 'ab'.repeat(20_000);
  expect(new NearWords([long], 2).has(`x${long.slice(1)}y`)).toBe(true);
  expect(new NearWords([long], 1).has(`x${long.slice(1)}y`)).toBe(false);
});
