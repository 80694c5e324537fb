// Rounds run some at a time, each with what it rests on; whoever is waited for goes first, and what hangs holds up nobody for long.
import { expect, it } from 'vitest';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { ROUNDS_AT_ONCE, RoundQueue } from './round-queue.js';

function queueOf({ roundMs = 1, basesFail = false, stuck = new Set<bigint>() } = {}) {
  const { world } = simulatedCluster(3);
  const begun: bigint[] = [];
  const rested = new Map<bigint, string | undefined>();
  let running = 0;
  let runningMax = 0;
  const queue = new RoundQueue({
    timers: world.timers,
    bases: async (ids) => {
      if (basesFail) throw new Error('down');
      return new Map(ids.map((id) => [id, `${id}`]));
    },
    round: async (id, basis) => {
      begun.push(id);
      rested.set(id, basis);
      runningMax = Math.max(runningMax, ++running);
      await (stuck.has(id) ? new Promise(() => {}) : world.timers.sleep(roundMs));
      running--;
    },
  });
  const ask = (from: number, to: number): void => {
    for (let id = from; id < to; id++) queue.ask(BigInt(id));
  };
  return { world, queue, begun, rested, ask, mostAtOnce: () => runningMax };
}

it('runs each once, some at a time, in the order in which they came, with what it rests on', async () => {
  const { world, begun, rested, ask, mostAtOnce } = queueOf();
  ask(0, 300);
  ask(100, 200);
  await world.advance(100);
  expect(begun).toEqual(Array.from({ length: 300 }, (_, id) => BigInt(id)));
  expect(mostAtOnce()).toBe(ROUNDS_AT_ONCE);
  expect(new Set([...rested].map(([id, basis]) => basis === `${id}`))).toEqual(new Set([true]));
  ask(0, 1);
  await world.advance(100);
  expect(begun.length).toBe(301);
});

it('one for which somebody waits is among the next', async () => {
  const { world, queue, begun, ask } = queueOf({ roundMs: 10 });
  ask(0, 1000);
  await world.advance(5);
  expect(begun.length).toBe(ROUNDS_AT_ONCE);
  for (const id of [900n, 3n, 5000n]) queue.hurry(id);
  await world.advance(10);
  expect(begun.slice(ROUNDS_AT_ONCE, ROUNDS_AT_ONCE + 2)).toEqual([900n, BigInt(ROUNDS_AT_ONCE)]);
  await world.advance(1000);
  expect(begun.length).toBe(1000);
});

it('rounds that hang hold up the others for a moment only', async () => {
  const { world, begun, ask } = queueOf({ stuck: new Set([1n, 70n]) });
  ask(0, 200);
  await world.advance(200);
  expect(begun.length).toBe(200);
});

it('goes on without what the rounds rest on, and not after it was closed', async () => {
  const { world, queue, begun, rested, ask } = queueOf({ basesFail: true, roundMs: 10 });
  ask(0, 200);
  await world.advance(5);
  expect(rested.get(3n)).toBeUndefined();
  queue.close();
  ask(200, 300);
  await world.advance(1000);
  expect(begun.length).toBe(ROUNDS_AT_ONCE);
});
