// When requests begin that come at the same time.
import { expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { SharedTurn } from './shared-turn.js';

/** Runs that say when they begin, and last until `end`. */
function newRuns() {
  const turn = new SharedTurn();
  const begun: string[] = [];
  const end = deferred<void>();
  const run = (name: string): Promise<void> =>
    turn.run(async () => {
      begun.push(name);
      await end.promise;
    });
  return { begun, run, end: () => end.resolve() };
}

/** A turn of the event loop that is over. */
const aTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('begins at once what is alone', async () => {
  const { begun, run, end } = newRuns();
  const done = run('a');
  expect(begun).toEqual(['a']);
  end();
  await done;
  const again = run('b');
  expect(begun).toEqual(['a', 'b']);
  await again;
});

it('begins what comes beside others when the turn is over, all of it together and in order', async () => {
  const { begun, run, end } = newRuns();
  const runs = [run('a')];
  // As the network gives them: each in a callback of its own, between which promises go on.
  for (const name of ['b', 'c']) {
    runs.push(run(name));
    for (let step = 0; step < 10; step++) await Promise.resolve();
  }
  expect(begun).toEqual(['a']);
  await aTurn();
  expect(begun).toEqual(['a', 'b', 'c']);
  runs.push(run('d'));
  await aTurn();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  end();
  await Promise.all(runs);
});

it('counts a run that failed as over, also one that threw before it was a promise', async () => {
  const turn = new SharedTurn();
  await expect(turn.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(
    turn.run(() => {
      throw new Error('not at all');
    }),
  ).rejects.toThrow('not at all');
  let isBegun = false;
  const done = turn.run(async () => {
    isBegun = true;
  });
  expect(isBegun).toBe(true);
  await done;
});
