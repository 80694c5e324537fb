import { expect, test } from 'vitest';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { DroppedMemory } from './dropped-memory.js';

const MIB = 1 << 20;

function world() {
  const { world } = simulatedCluster(1);
  const allocated: number[] = [];
  const dropped = new DroppedMemory(world.timers, (bytes) => allocated.push(bytes));
  return { dropped, allocated, pass: (ms: number) => world.runUntil(world.timers.sleep(ms)) };
}

test('little that was dropped is not looked for, much is, and once', async () => {
  const { dropped, allocated, pass } = world();
  dropped.note(20 * MIB);
  await pass(1000);
  expect(allocated).toEqual([]);
  dropped.note(20 * MIB);
  dropped.note(500 * MIB);
  await pass(100);
  expect(allocated).toEqual([]);
  await pass(1000);
  expect(allocated).toEqual([33 * MIB, 33 * MIB]);
  await pass(60_000);
  expect(allocated).toHaveLength(2);
});

test('what is dropped later has a look of its own', async () => {
  const { dropped, allocated, pass } = world();
  dropped.note(40 * MIB);
  await pass(1000);
  dropped.note(40 * MIB);
  await pass(1000);
  expect(allocated).toHaveLength(4);
});
