import { expect, test } from 'vitest';
import { WalkHistory } from './walk-history.js';

test('after eight walks in a row that were given up none is tried but one in sixteen', () => {
  const history = new WalkHistory();
  for (let walk = 0; walk < 8; walk++) {
    expect(history.skipsWalk()).toBe(false);
    history.note(1, 1);
  }
  const skips = Array.from({ length: 32 }, () => history.skipsWalk());
  expect(skips.filter((isSkipped) => !isSkipped)).toHaveLength(2);
  expect(skips.slice(0, 15)).not.toContain(false);
});

test('one walk that found what it looked for begins anew', () => {
  const history = new WalkHistory();
  history.note(20, 20);
  expect(history.skipsWalk()).toBe(true);
  history.note(4, 3);
  expect(history.skipsWalk()).toBe(false);
  history.note(7, 7);
  expect(history.skipsWalk()).toBe(false);
  history.note(1, 1);
  expect(history.skipsWalk()).toBe(true);
});
