// A run that is over leaves nothing behind: a thousand seeds take as much memory as one.
import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import { simulate } from './simulation.js';

v8.setFlagsFromString('--expose-gc');
const collectGarbage: unknown = vm.runInNewContext('gc');

test('nothing keeps the world of a finished run', async () => {
  for (let seed = 1; seed <= 3; seed++) await simulate({ seed, steps: 30 });
  await new Promise((resolve) => void setImmediate(resolve));
  if (typeof collectGarbage === 'function') collectGarbage();
  expect(v8.queryObjects(SimulatedWorld, { format: 'count' })).toBe(0);
});
