import { expect, test } from 'vitest';
import { LookTime } from './look-time.js';

/** Looks, each of which waits for its task or for its end. @returns those that were made */
function looks(time: LookTime, count: number, isFound: boolean): number {
  let made = 0;
  for (let i = 0; i < count; i++) {
    if (time.next() === 0) continue;
    made++;
    time.looking();
    time.ended(isFound);
  }
  return made;
}

test('a thread looks for its next task while looks find one', () => {
  expect(looks(new LookTime(), 100, true)).toBe(100);
});

test('looks that find nothing are made seldom, until some find a task again', () => {
  const time = new LookTime();
  looks(time, 20, false);
  expect(looks(time, 160, false)).toBe(10);
  looks(time, 160, true);
  expect(looks(time, 100, true)).toBe(100);
});

test('tasks that were there at once say nothing of looks', () => {
  const time = new LookTime();
  looks(time, 20, false);
  for (let i = 0; i < 100; i++) time.ended(true);
  expect(looks(time, 16, false)).toBe(1);
});
