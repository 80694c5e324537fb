import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planWalk, walkCosts } from './walk-plan.js';

const small = { nodes: 60_000, ef: 64, vectorBytes: 512, codeBytes: 64 };
test('few rows are scored exactly, more by their codes or over two hops, most by a walk that keeps what counts', () => {
  expect(planWalk({ ...small, passing: 0 })).toBe('exact');
  expect(planWalk({ ...small, passing: 600 })).toBe('exact');
  expect(planWalk({ ...small, passing: 12_000 })).toBe('scan');
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
