// Scores of a reranker: one for each text, of the numbers that an answer can have.
import { expect, it } from 'vitest';
import { providerSettings } from './provider-settings.js';
import { rerankPlan, scoresOf } from './rerank-plan.js';

const settings = providerSettings({
  function: { rerank: { model: { providers: { tei: { url: 'http://a' } } } } },
});
const plan = rerankPlan([{ key: 'provider', value: 'tei' }], settings);
const scores = (...list: unknown[]) =>
  scoresOf(
    list.map((score, index) => ({ index, score })),
    2,
    plan,
  );

it('takes a number for each text', () => {
  expect(scores(3e38, -1)).toEqual(Float32Array.of(3e38, -1));
});

it.each<[unknown[], RegExp]>([
  [[1], /2 docs but got 1 scores/],
  [[1, 2, 3], /2 docs but got 3 scores/],
  [[1, 1e300], /score 1 is no number/],
  [[-4e38, 1], /score 0 is no number/],
  [['1', 1], /score 0 is no number/],
])('refuses %j', (list, reason) => {
  expect(() => scores(...list)).toThrowError(
    expect.objectContaining({ key: 'function_failed', message: expect.stringMatching(reason) }),
  );
});
