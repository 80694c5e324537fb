import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextFloat, seededRandom } from '#base/random.js';
import { bucketOf, RecallCurve, widthLadder } from './recall-curve.js';

const widths = widthLadder(10, 400);
/** A query finds each of its 10 hits with a chance that grows with the width. */
function sampled(seed: number, queries: number): RecallCurve {
  const random = seededRandom(seed);
  const curve = new RecallCurve(10, widths);
  for (let query = 0; query < queries; query++) {
    const hardness = 4 + nextFloat(random) * 12;
    const draws = Array.from({ length: 10 }, () => nextFloat(random));
    curve.add(
      widths.map((width) => draws.filter((draw) => draw < 1 - Math.exp(-width / hardness)).length / 10),
    );
  }
  return curve;
}

describe('RecallCurve', () => {
  it('knows nothing without samples', () => {
    expect(new RecallCurve(10, widths).choose(0.9)).toBeUndefined();
  });
  it('chooses the least width whose lower bound reaches the target', () => {
    const curve = sampled(1, 200);
    const estimates = curve.estimates();
    for (const target of [0.5, 0.8, 0.9, 0.95, 0.99]) {
      const choice = curve.choose(target);
      expect(choice?.isMet).toBe(true);
      const at = widths.indexOf(choice?.width ?? 0);
      expect(estimates[at]?.low).toBeGreaterThanOrEqual(target);
      if (at > 0) expect(estimates[at - 1]?.low).toBeLessThan(target);
      expect(choice?.recall).toBeGreaterThanOrEqual(target);
    }
  });
  it('never narrows as the target grows, and is the same each time', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, queries) => {
        const targets = [0.5, 0.7, 0.9, 0.95, 0.99, 0.9999];
        const chosen = targets.map((target) => sampled(seed, queries).choose(target)?.width ?? 0);
        expect(chosen).toEqual([...chosen].sort((a, b) => a - b));
        expect(targets.map((target) => sampled(seed, queries).choose(target)?.width)).toEqual(chosen);
      }),
      { numRuns: 50 },
    );
  });
  it('trusts few samples less than many', () => {
    const perfect = (queries: number): RecallCurve => {
      const curve = new RecallCurve(10, [10, 20]);
      for (let i = 0; i < queries; i++) curve.add([1, 1]);
      return curve;
    };
    expect(perfect(4).choose(0.99)).toEqual({ width: 20, recall: 1, isMet: false });
    expect(perfect(64).choose(0.99)).toEqual({ width: 10, recall: 1, isMet: true });
    expect(perfect(64).choose(0.9999)).toMatchObject({ width: 20, isMet: false });
  });
  it('forgets: after a change of the queries the new ones decide', () => {
    const curve = new RecallCurve(10, [10, 20]);
    for (let i = 0; i < 2000; i++) curve.add([1, 1]);
    expect(curve.choose(0.95)?.width).toBe(10);
    for (let i = 0; i < 600; i++) curve.add([0.5, 1]);
    expect(curve.choose(0.95)?.width).toBe(20);
    expect(curve.weight).toBeLessThanOrEqual(512);
  });
  it('takes over another curve with a bounded weight', () => {
    const curve = new RecallCurve(10, [10, 15, 20, 40]);
    const other = new RecallCurve(10, [10, 20]);
    for (let i = 0; i < 100; i++) other.add([0.5, 0.75]);
    curve.addCurve(other, 25);
    expect(curve.weight).toBe(25);
    expect(curve.estimates().map(({ mean }) => mean)).toEqual([0.5, 0.5, 0.75, 0.75]);
  });
});

describe('bucketOf and widthLadder', () => {
  it('puts every k into the next bucket', () => {
    expect([1, 2, 4, 6, 10, 11, 16, 100, 101, 16_384].map(bucketOf)).toEqual([
      1, 2, 5, 7, 10, 15, 20, 100, 150, 20_000,
    ]);
  });
  it('rises from first to last', () => {
    expect(widthLadder(1, 8)).toEqual([1, 2, 3, 4, 5, 7, 8]);
    expect(widthLadder(10, 10)).toEqual([10]);
    expect(widthLadder(10, 5)).toEqual([10]);
  });
});
