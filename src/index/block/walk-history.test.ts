import { expect, test } from 'vitest';
import { WalkHistory } from './walk-history.js';

const toScan = (queries: number) => ({ givenUp: queries, scanned: queries });
const toTwoHops = (queries: number) => ({ givenUp: queries, scanned: 0 });

test('after eight walks in a row that ended in one plan none is tried but one in sixteen', () => {
  for (const [plan, ended] of [
    ['scan', toScan(1)],
    ['two-hop', toTwoHops(1)],
  ] as const) {
    const history = new WalkHistory();
    for (let walk = 0; walk < 8; walk++) {
      expect(history.insteadOfWalk()).toBeUndefined();
      history.note(1, ended);
    }
    const instead = Array.from({ length: 32 }, () => history.insteadOfWalk());
    expect(instead.filter((one) => one === undefined)).toHaveLength(2);
    expect(instead.slice(0, 15).every((one) => one === plan)).toBe(true);
  }
});

test('one walk that found what it looked for begins anew', () => {
  const history = new WalkHistory();
  history.note(20, toScan(20));
  expect(history.insteadOfWalk()).toBe('scan');
  history.note(4, toScan(3));
  expect(history.insteadOfWalk()).toBeUndefined();
  history.note(20, toTwoHops(20));
  history.note(4, { givenUp: 3, scanned: 0 });
  expect(history.insteadOfWalk()).toBeUndefined();
});

test('walks that ended in another plan begin a row of their own', () => {
  const history = new WalkHistory();
  history.note(7, toScan(7));
  history.note(4, toTwoHops(4));
  expect(history.insteadOfWalk()).toBeUndefined();
  history.note(4, toTwoHops(4));
  expect(history.insteadOfWalk()).toBe('two-hop');
  // Some over two hops and some by a scan: no plan is the better one for all.
  history.note(4, { givenUp: 4, scanned: 1 });
  expect(history.insteadOfWalk()).toBeUndefined();
});
