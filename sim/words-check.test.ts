// What is wrong with an answer by words, where some rows are uncertain, is what trying each choice of them says; and many uncertain rows are no excuse.
import { describe, expect, it } from 'vitest';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import { type KeyVersion, noteOf, noteWords } from './rows.js';
import { keyChoices, problemOf } from './words-check.js';
import { K1, lengthShare } from './words-client.js';

type Hit = KeyVersion & { readonly score: number };

const TOP_K = 4;
const facts = (words: readonly string[]) => ({ words, topK: TOP_K, life: 1 });
const tokensOf = (row: KeyVersion): string[] => noteOf(row).split(' ');

/** Rows that have some of the words, the best first, by the formula as it is written down. */
function ranked(rows: readonly KeyVersion[], words: readonly string[]): Hit[] {
  const mean = rows.reduce((sum, row) => sum + tokensOf(row).length, 0) / rows.length;
  const scoreOf = (row: KeyVersion): number => {
    let sum = 0;
    for (const word of words) {
      const having = rows.filter((one) => tokensOf(one).includes(word)).length;
      const count = tokensOf(row).filter((one) => one === word).length;
      const share = 1 - lengthShare(1) + (lengthShare(1) * tokensOf(row).length) / mean;
      const weight = Math.log(1 + (rows.length - having + 0.5) / (having + 0.5));
      sum += (weight * count * (K1 + 1)) / (count + K1 * share);
    }
    return sum;
  };
  const hits = rows.map((row) => ({ ...row, score: scoreOf(row) })).filter(({ score }) => score > 0);
  return hits.sort((a, b) => b.score - a.score);
}

interface World {
  readonly possible: Map<number, Set<number>>;
  readonly copies: Map<number, Set<number>>;
}

function worldOf(seed: number, uncertain: number): World {
  const random = seededRandom(seed);
  const possible = new Map<number, Set<number>>();
  for (let key = 0; key < 12; key++) possible.set(key, new Set([1 + nextBelow(random, 3)]));
  for (let key = 0; key < uncertain; key++) possible.get(key)?.add(nextBelow(random, 5));
  return { possible, copies: new Map(uncertain < 2 ? [] : [[11, new Set([7])]]) };
}

/** Every set of rows that may be there. */
const choicesOf = (world: World, words: readonly string[]): KeyVersion[][] =>
  keyChoices(world, words).reduce<KeyVersion[][]>(
    (all, { choices }) => all.flatMap((rows) => choices.map((more) => [...rows, ...more])),
    [[]],
  );

/** Whether these are the best of all; of equal scores any may be the one that comes. */
const isAnswer = (hits: readonly Hit[], all: readonly Hit[]): boolean =>
  hits.length === Math.min(TOP_K, all.length) &&
  hits.every(
    ({ key, version, score }, at) =>
      Math.abs(score - (all[at]?.score ?? 0)) < 1e-6 &&
      all.some((hit) => hit.key === key && hit.version === version && Math.abs(hit.score - score) < 1e-6),
  );

/** As it was, without the best, with another score, or with an older row. */
function damaged(hits: readonly Hit[], kind: number): Hit[] {
  const [first, ...others] = hits;
  if (first === undefined || kind === 0) return [...hits];
  if (kind === 1) return others;
  if (kind === 2) return [{ ...first, score: first.score * 1.01 }, ...others];
  return [{ ...first, version: first.version + 1 }, ...others];
}

const hasOneRowAKey = (rows: readonly KeyVersion[]): boolean =>
  new Set(rows.map(({ key }) => key)).size === rows.length;

describe('an answer by words', () => {
  it('is right where some choice of the uncertain rows gives it, and wrong where none does', () => {
    let [right, wrong] = [0, 0];
    for (let seed = 0; seed < 160; seed++) {
      const random = seededRandom(seed * 7 + 1);
      const words = ['am', noteWords[nextBelow(random, noteWords.length)] ?? 'bi'];
      const world = worldOf(seed, nextBelow(random, 5));
      const choices = choicesOf(world, words).filter(hasOneRowAKey);
      const truth = choices[nextBelow(random, choices.length)] ?? [];
      const hits = damaged(
        ranked(truth, words).slice(0, TOP_K),
        nextFloat(random) < 0.5 ? 0 : 1 + nextBelow(random, 3),
      );
      const isRight = choices.some((rows) => isAnswer(hits, ranked(rows, words)));
      const problem = problemOf(keyChoices(world, words), facts(words), hits);
      expect([seed, problem === undefined, problem]).toEqual([seed, isRight, problem]);
      if (isRight) right++;
      else wrong++;
    }
    expect(Math.min(right, wrong)).toBeGreaterThan(20);
  });

  it('is judged where thousands of choices would have to be tried', () => {
    const world = worldOf(3, 12);
    const words = ['am', 'bi'];
    const truth = [...world.possible].map(([key, versions]) => ({ key, version: Math.max(...versions) }));
    const hits = ranked(truth, words).slice(0, TOP_K);
    expect(keyChoices(world, words).reduce((sum, { choices }) => sum * choices.length, 1)).toBeGreaterThan(
      2000,
    );
    expect(problemOf(keyChoices(world, words), facts(words), hits)).toBeUndefined();
    expect(problemOf(keyChoices(world, words), facts(words), damaged(hits, 2))).toMatch(/has score/);
    expect(problemOf(keyChoices(world, words), facts(words), damaged(hits, 1))).toMatch(/misses|no choice/);
  });
});
