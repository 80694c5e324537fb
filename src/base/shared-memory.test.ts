// Buffers that are given back are used again, and no more of them are made than was said.
import { expect, it } from 'vitest';
import { must } from './assert.js';
import { isShared, SharedMemory } from './shared-memory.js';

const KB = 1024;
const taken = (memory: SharedMemory, length: number): Uint8Array =>
  must(memory.take(length), `${length} bytes`);

it('gives what was given back, if it fits and is not much too large', () => {
  const memory = new SharedMemory(4096 * KB);
  const first = taken(memory, 100 * KB);
  expect([first.length, isShared(first), isShared(new Uint8Array(1))]).toEqual([100 * KB, true, false]);
  const second = taken(memory, 100 * KB);
  expect(second.buffer === first.buffer).toBe(false);
  memory.give(first);
  expect(taken(memory, 129 * KB).buffer === first.buffer).toBe(false);
  expect(taken(memory, 10 * KB).buffer === first.buffer).toBe(true);
  memory.give(first);
  const again = taken(memory, 110 * KB);
  expect([again.buffer === first.buffer, again.length]).toEqual([true, 110 * KB]);
  expect(taken(memory, 110 * KB).buffer === first.buffer).toBe(false);
});

it('makes no more than its bound, whatever is given back and asked for', () => {
  const memory = new SharedMemory(1024 * KB);
  const all = Array.from({ length: 4 }, () => taken(memory, 256 * KB));
  expect(memory.take(1)).toBeUndefined();
  for (const bytes of all) memory.give(bytes);
  expect(memory.take(600 * KB)).toBeUndefined();
  expect(all.map(({ buffer }) => buffer).includes(taken(memory, 200 * KB).buffer)).toBe(true);
});

it('lets go of a size that nobody asks for any more', () => {
  const memory = new SharedMemory(1024 * KB);
  for (const bytes of [taken(memory, 512 * KB), taken(memory, 512 * KB)]) memory.give(bytes);
  let missed = 0;
  while (memory.take(64 * KB) === undefined) missed++;
  expect(missed).toBeGreaterThan(900);
  expect(missed).toBeLessThan(1100);
  expect(memory.take(900 * KB)).toBeUndefined();
});

it('gives as many bytes as are asked for, of any number', () => {
  const memory = new SharedMemory(2 ** 40);
  for (let length = 1; length < 3e6; length = Math.ceil(length * 1.37))
    expect(taken(memory, length).length).toBe(length);
});
