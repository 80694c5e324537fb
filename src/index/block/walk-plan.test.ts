import fc from 'fast-check';
import { expect, test } from 'vitest';
import { filteredMicros, planInstead, planWalk, twoHopWidth, walkCosts, walkLimits } from './walk-plan.js';

const small = { nodes: 60_000, ef: 64, vectorBytes: 512, codeBytes: 64 };
test('few rows are scored exactly, more by their codes or over two hops, most by a walk that keeps what counts', () => {
  expect(planWalk({ ...small, passing: 0 })).toBe('exact');
  expect(planWalk({ ...small, passing: 600 })).toBe('exact');
  expect(planWalk({ ...small, passing: 3000 })).toBe('scan');
  expect(planWalk({ ...small, nodes: 300_000, passing: 30_000 })).toBe('two-hop');
  expect(planWalk({ ...small, passing: 55_000 })).toBe('admitting');
  expect(planWalk({ ...small, passing: 60_000 })).toBe('walk');
  expect(planWalk({ nodes: 150_000, ef: 64, vectorBytes: 3072, codeBytes: 384, passing: 5000 })).toBe('scan');
});

test('no plan costs more than scoring what counts', () => {
  fc.assert(
    fc.property(
      fc.nat(2_000_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 16_384 }),
      (nodes, share, ef) => {
        const question = { ...small, nodes, ef, passing: Math.floor(nodes * share) };
        const plan = planWalk(question);
        const costs = walkCosts(question);
        if (plan !== 'walk') expect(costs[plan]).toBeLessThanOrEqual(costs.exact);
      },
    ),
  );
});

test('a walk tries first, for longer the more count and the dearer the other plan is', () => {
  const large = { ...small, nodes: 300_000 };
  const few = walkLimits({ ...large, passing: 30_000 }, 'two-hop');
  expect(few.probe).toBe(22);
  expect(few.least).toBe(64);
  expect(few.budget * 0.05).toBeLessThan(1.1 * walkCosts({ ...large, passing: 30_000 })['two-hop']);
  // A walk that found nothing is where nothing counts; one that found some is where as many count as elsewhere.
  expect(few.usual).toBeGreaterThan(1);
  expect(few.usual).toBeLessThan(32);
  const many = walkLimits({ ...large, passing: 298_000 }, 'admitting');
  expect(many.probe).toBe(0);
  expect(many.budget * 0.05).toBeLessThan(walkCosts({ ...large, passing: 298_000 }).scan);
  // Thirty thousand nodes to cross cost more than to go over two hops to what counts.
  expect(walkLimits({ ...large, passing: 270_000 }, 'admitting').probe).toBe(32);
  // What does not count is soon crossed where it is little. Where it is much a walk that finds none of it ends at once.
  const half = { ...large, passing: 150_000 };
  const { probe, least } = walkLimits(half, 'admitting');
  expect(probe).toBe(32);
  expect(least).toBeGreaterThan(0);
  expect(least).toBeLessThanOrEqual(64 / 4);
  expect(walkLimits({ ...large, passing: 0 }, 'admitting').budget).toBeGreaterThan(0);
});

test('the cost of a search is that of its plan', () => {
  const question = { ...small, passing: 12_000 };
  expect(filteredMicros(question)).toBe(walkCosts(question).admitting);
  expect(filteredMicros({ ...question, passing: 3000 })).toBe(walkCosts({ ...question, passing: 3000 }).scan);
});

test('what takes the place of a walk depends on how far the rows that count are, and how many', () => {
  const large = { ...small, nodes: 300_000 };
  expect(planInstead({ ...large, passing: 30_000 }, false)).toBe('two-hop');
  expect(planInstead({ ...large, passing: 150_000 }, true)).toBe('two-hop');
  const narrow = { ...small, ef: 128, passing: 6000 };
  expect(planInstead(narrow, true)).toBe('scan');
  // Below the share that two hops need there is no choice.
  expect(planInstead({ ...large, passing: 10_000 }, false)).toBe('scan');
  // Codes inside of records lie apart: to go over two hops is cheaper than to read many of them.
  const records = { ...small, nodes: 20_000, passing: 10_000, ef: 25, k: 10, readsRecords: true };
  expect(planInstead(records, true)).toBe('two-hop');
  expect(planWalk(records)).toBe('admitting');
});

test('walks over two hops are narrower where few count, and never as narrow as what is asked for', () => {
  expect(twoHopWidth(10, 10, 0.1)).toBe(16);
  expect(twoHopWidth(64, 10, 0.1)).toBe(34);
  expect(twoHopWidth(64, 10, 0.9)).toBe(64);
});
