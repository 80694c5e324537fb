// A run that is over leaves nothing behind: a thousand seeds take as much memory as one.
import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import { simulate } from './simulation.js';

v8.setFlagsFromString('--expose-gc');
/** Turns of the event loop, a collection of all garbage in each. */
const TURNS_MAX = 8;
const collectGarbage: unknown = vm.runInNewContext('gc');

test('nothing keeps the world of a finished run', async () => {
  for (let seed = 1; seed <= 3; seed++) await simulate({ seed, steps: 30 });
  // What a thread of the engine still works at (compiling, sweeping) holds its objects for some turns; what leaks stays.
  let kept = Number.NaN;
  for (let turn = 0; turn < TURNS_MAX && kept !== 0; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
    if (typeof collectGarbage === 'function') collectGarbage();
    kept = v8.queryObjects(SimulatedWorld, { format: 'count' });
  }
  expect(kept).toBe(0);
});
