// Buffers that are given back are used again, and no more of them are kept than was said.
import { expect, it } from 'vitest';
import { isShared, SharedMemory } from './shared-memory.js';

const KB = 1024;

it('gives what was given back, if it fits and is not much too large', () => {
  const memory = new SharedMemory(1024 * KB);
  const first = memory.take(100 * KB);
  expect([first.length, isShared(first), isShared(new Uint8Array(1))]).toEqual([100 * KB, true, false]);
  const second = memory.take(100 * KB);
  expect(second.buffer).not.toBe(first.buffer);
  memory.give(first);
  expect(memory.take(129 * KB).buffer).not.toBe(first.buffer);
  expect(memory.take(10 * KB).buffer).not.toBe(first.buffer);
  const again = memory.take(110 * KB);
  expect([again.buffer === first.buffer, again.length]).toEqual([true, 110 * KB]);
  expect(memory.take(110 * KB).buffer).not.toBe(first.buffer);
});

it('keeps the newest of what is given back, within its bound', () => {
  const memory = new SharedMemory(256 * KB);
  const [a, b, c] = [memory.take(128 * KB), memory.take(128 * KB), memory.take(128 * KB)];
  const large = memory.take(300 * KB);
  for (const bytes of [a, b, c, large, new Uint8Array(128 * KB)]) memory.give(bytes);
  const found = [memory.take(128 * KB), memory.take(128 * KB), memory.take(128 * KB)].map(
    ({ buffer }) => buffer,
  );
  expect(found.slice(0, 2)).toEqual([c.buffer, b.buffer]);
  expect([found[0] === c.buffer, found[1] === b.buffer, found[2] === a.buffer]).toEqual([true, true, false]);
  expect(memory.take(300 * KB).buffer).not.toBe(large.buffer);
});
