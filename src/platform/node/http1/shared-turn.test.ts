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

/** What promises do that nothing keeps waiting. */
async function someSteps(): Promise<void> {
  for (let step = 0; step < 10; step++) await Promise.resolve();
}

it('begins what came in a turn when it is over, all of it together and in order', async () => {
  const { begun, run, end } = newRuns();
  const runs: Promise<void>[] = [];
  // As the network gives them: each in a callback of its own, between which promises go on.
  for (const name of ['a', 'b', 'c']) {
    runs.push(run(name));
    await someSteps();
  }
  expect(begun).toEqual([]);
  await aTurn();
  expect(begun).toEqual(['a', 'b', 'c']);
  runs.push(run('d'));
  await aTurn();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  end();
  await Promise.all(runs);
});

it('lets those that come together wait for each other, also where none takes longer than it takes to come', async () => {
  const turn = new SharedTurn();
  const events: string[] = [];
  const run = (name: string) =>
    turn.run(async () => {
      events.push(`${name} begins`);
      await Promise.resolve();
      events.push(`${name} ends`);
    });
  const runs = [run('a')];
  await someSteps();
  runs.push(run('b'));
  await Promise.all(runs);
  expect(events).toEqual(['a begins', 'b begins', 'a ends', 'b ends']);
});

it('begins sixteen at a time, in the order of their coming', async () => {
  const { begun, run, end } = newRuns();
  const names = Array.from({ length: 39 }, (_, at) => `run ${at}`);
  const runs = names.map(run);
  await aTurn();
  expect(begun).toEqual(names.slice(0, 16));
  runs.push(run('later'));
  await aTurn();
  expect(begun).toEqual(names.slice(0, 32));
  await aTurn();
  expect(begun).toEqual([...names, 'later']);
  end();
  await Promise.all(runs);
});

it('hands on what went wrong, also where it threw before it was a promise', async () => {
  const turn = new SharedTurn();
  await expect(turn.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(
    turn.run(() => {
      throw new Error('not at all');
    }),
  ).rejects.toThrow('not at all');
  await expect(turn.run(async () => 'yes')).resolves.toBe('yes');
});
