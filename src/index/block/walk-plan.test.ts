import fc from 'fast-check';
import { expect, test } from 'vitest';
import { filteredMicros, filteredWalk, planWalk, WORK_MICROS, walkCosts } from './walk-plan.js';

const small = { nodes: 60_000, ef: 64, vectorBytes: 512, codeBytes: 64 };
test('few rows are scored exactly, more by their codes, most by a walk over them', () => {
  expect(planWalk({ ...small, passing: 0 })).toBe('exact');
  expect(planWalk({ ...small, passing: 200 })).toBe('exact');
  expect(planWalk({ ...small, passing: 600 })).toBe('scan');
  expect(planWalk({ ...small, passing: 2900 })).toBe('scan');
  expect(planWalk({ ...small, nodes: 300_000, passing: 30_000 })).toBe('filtered walk');
  expect(planWalk({ ...small, passing: 55_000 })).toBe('filtered walk');
  expect(planWalk({ ...small, passing: 60_000 })).toBe('walk');
  // Codes inside of records lie apart: to score what counts by its vectors is cheaper than to read them.
  expect(planWalk({ ...small, nodes: 20_000, passing: 900, readsRecords: true })).toBe('exact');
});

test('few vectors that differ are all looked at, by their codes where those take less; many are walked over', () => {
  const copied = { ...small, nodes: 20_000, ef: 47 };
  expect(planWalk({ ...copied, passing: 20_000, distinct: 800 })).toBe('exact');
  expect(planWalk({ ...copied, passing: 20_000, distinct: 5000 })).toBe('scan');
  expect(planWalk({ ...copied, passing: 20_000, distinct: 15_000 })).toBe('walk');
  expect(planWalk({ ...copied, passing: 10_000, distinct: 800 })).toBe('scan');
  expect(planWalk({ ...copied, passing: 100, distinct: 800 })).toBe('exact');
});

test('a walk that would take longer than to look at all codes is not begun', () => {
  const all = { nodes: 11_000, passing: 11_000, vectorBytes: 512, codeBytes: 64 };
  expect(planWalk({ ...all, ef: 112 })).toBe('walk');
  expect(planWalk({ ...all, ef: 400 })).toBe('scan');
  expect(planWalk({ ...all, ef: 400, nodes: 100_000, passing: 100_000 })).toBe('walk');
  expect(planWalk({ ...all, ef: 400, nodes: 1000, passing: 1000 })).toBe('walk');
});

const questions = fc
  .record({
    nodes: fc.nat(2_000_000),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    ef: fc.integer({ min: 1, max: 16_384 }),
    k: fc.integer({ min: 1, max: 16_384 }),
    vectorBytes: fc.integer({ min: 4, max: 16_384 }),
    codeBytes: fc.integer({ min: 4, max: 8192 }),
    readsRecords: fc.boolean(),
    different: fc.option(fc.double({ min: 0.001, max: 1, noNaN: true }), { nil: undefined }),
  })
  .map(({ share, different, ...of }) => ({
    ...of,
    ...(different !== undefined && { distinct: Math.ceil(of.nodes * different) }),
    k: Math.min(of.k, of.ef),
    passing: Math.floor(of.nodes * share),
  }));

test('a walk and what takes its place cost no more than what scoring what counts takes and 30 %', () => {
  fc.assert(
    fc.property(questions, (question) => {
      const costs = walkCosts(question);
      const plan = planWalk(question);
      if (plan === 'walk' || question.passing >= question.nodes) return;
      const instead = Math.min(costs.exact, costs.scan);
      const { budget, settledWithin } = filteredWalk(question);
      expect(settledWithin).toBeLessThanOrEqual(budget);
      const most = plan === 'filtered walk' ? budget * WORK_MICROS + instead : costs[plan];
      // Nodes of rows that do not count are not scored, so that a scan of few that differ takes no more than one of all.
      expect(
        question.distinct === undefined || plan !== 'scan' ? most : Math.min(most, costs.exact),
      ).toBeLessThanOrEqual(costs.exact * 1.3 + 1e-9);
    }),
  );
});

test('walks are narrower where few neighbours count, never as narrow as what is asked for, and wider to what is far', () => {
  const walkOf = (ef: number, passing: number) => filteredWalk({ ...small, ef, k: 10, passing });
  expect(walkOf(10, 6000)).toMatchObject({ narrow: 16, wide: 10, far: 31 });
  expect(walkOf(64, 6000)).toMatchObject({ narrow: 62, wide: 64, far: 122 });
  expect(walkOf(64, 54_000).narrow).toBe(64);
  // Half of the share that counts, of 256.
  expect(walkOf(64, 30_000).farBelow).toBe(64);
});

test('a walk goes far where a scan would take much longer', () => {
  expect(filteredWalk({ ...small, k: 10, nodes: 300_000, passing: 100_000 }).goesFar).toBe(true);
  expect(filteredWalk({ ...small, k: 10, nodes: 20_000, passing: 2000 }).goesFar).toBe(false);
});

test('a walk that does not settle grows by a third of what follows it', () => {
  const question = { ...small, k: 10, nodes: 300_000, passing: 30_000 };
  const { scan, exact } = walkCosts(question);
  expect(scan).toBeLessThan(exact);
  expect(filteredWalk(question).settledWithin).toBe(Math.floor(scan / 3 / WORK_MICROS));
});

test('the cost of a search is that of its plan', () => {
  const question = { ...small, k: 10, passing: 12_000 };
  expect(filteredMicros(question)).toBe(walkCosts(question)['filtered walk']);
  const few = { ...question, passing: 2000 };
  expect(filteredMicros(few)).toBe(walkCosts(few).scan);
});
