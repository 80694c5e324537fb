import { expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { settled } from './settled.js';

it('runs so many at a time and gives the results in order', async () => {
  const begun: number[] = [];
  const gates = Array.from({ length: 5 }, () => deferred<number>());
  const jobs = gates.map((gate, at) => () => {
    begun.push(at);
    return gate.promise;
  });
  const all = settled(jobs, 2);
  expect(begun).toEqual([0, 1]);
  for (const [at, gate] of [...gates.entries()].reverse()) gate.resolve(at * 10);
  expect(await all).toEqual([0, 10, 20, 30, 40]);
});

it('waits for what runs when one fails, and begins no more', async () => {
  const begun: number[] = [];
  const [bad, slow] = [deferred<number>(), deferred<number>()];
  let isOver = false;
  const jobs = [bad, slow, deferred<number>()].map((gate, at) => () => {
    begun.push(at);
    return gate.promise;
  });
  const all = settled(jobs, 2).finally(() => {
    isOver = true;
  });
  all.catch(() => {});
  bad.reject(new Error('boom'));
  for (let i = 0; i < 10; i++) await Promise.resolve();
  expect(isOver).toBe(false);
  slow.resolve(1);
  await expect(all).rejects.toThrow('boom');
  expect(begun).toEqual([0, 1]);
});
