import { describe, expect, it } from 'vitest';
import { LEVEL_MAX, levelOfRecall, widthsOfLevel } from './auto-level.js';

describe('widthsOfLevel', () => {
  it('rises with the level and with k, and is never below k', () => {
    for (const k of [1, 10, 100, 16_384]) {
      for (let level = 1; level <= LEVEL_MAX; level++) {
        const { ef } = widthsOfLevel(level, k);
        expect(ef).toBeGreaterThan(k);
        if (level > 1) expect(ef).toBeGreaterThan(widthsOfLevel(level - 1, k).ef);
        expect(widthsOfLevel(level, k + 1).ef).toBeGreaterThan(ef);
      }
    }
  });
  it('is found from a recall', () => {
    expect(levelOfRecall(0.5)).toBe(1);
    expect(levelOfRecall(0.9)).toBeCloseTo(1);
    expect(levelOfRecall(0.99)).toBeCloseTo(10);
    expect(levelOfRecall(0.999)).toBeCloseTo(19);
  });
  it('has the measured ends', () => {
    expect([1, 10, 50, 100].map((k) => widthsOfLevel(1, k).ef)).toEqual([15, 25, 71, 128]);
    expect([1, 10, 50, 100].map((k) => widthsOfLevel(10, k).ef)).toEqual([93, 112, 200, 310]);
  });
});
