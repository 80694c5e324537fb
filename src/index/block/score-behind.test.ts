// The score behind another is the next float32: nothing lies between them, and nothing is equal.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scoreBehind } from './score-behind.js';

const scores = fc.float({ noNaN: true, noDefaultInfinity: true });

describe('the score behind another', () => {
  it.each([true, false])('is strictly behind, where larger is better: %s', (isLargerBetter) => {
    fc.assert(
      fc.property(scores, (score) => {
        const behind = scoreBehind(score, isLargerBetter);
        expect(Math.fround(behind)).toBe(behind);
        expect(isLargerBetter ? behind < score : behind > score).toBe(true);
        // Halfway between them rounds to one of them: there is no float between.
        expect([behind + 0, score + 0]).toContain(Math.fround(score / 2 + behind / 2) + 0);
      }),
    );
  });

  it('is the largest number behind the best infinity, and the worst infinity itself', () => {
    const largest = 2 ** 128 - 2 ** 104;
    expect(scoreBehind(Infinity, true)).toBe(largest);
    expect(scoreBehind(-Infinity, false)).toBe(-largest);
    expect(scoreBehind(-Infinity, true)).toBe(-Infinity);
    expect(scoreBehind(Infinity, false)).toBe(Infinity);
  });

  it('passes zero, whichever its sign', () => {
    for (const zero of [0, -0]) {
      expect(scoreBehind(zero, false)).toBeGreaterThan(0);
      expect(scoreBehind(zero, true)).toBeLessThan(0);
    }
  });
});
