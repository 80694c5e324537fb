import { expect, test } from 'vitest';
import { graphKernel } from './graph-kernel.js';

const POOL = 1024;
const RESULTS = 4096;
function kernelWith(at: number, keys: readonly number[]) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const kernel = graphKernel.on(memory);
  kernel.useThread(0, POOL, RESULTS, 256, 512, 0);
  const entries = new BigUint64Array(memory.buffer, at, keys.length);
  for (const [node, key] of keys.entries()) entries[node] = (BigInt(key) << 32n) | BigInt(node << 1);
  return kernel;
}

/** Order-preserving, as the kernels write floats. */
function floatKey(value: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0] as number;
  return (value < 0 ? ~bits : bits | 0x80000000) >>> 0;
}

test('those that may be among the nearest are worth an exact score: up to a slack behind the k-th, and four more', () => {
  // The fifth has distance 100: with a slack of 2 times that, squared distances up to 10,200 may be nearer.
  const squares = [1, 4, 9, 16, 10_000, 10_100, 10_150, 10_200, 10_200, 10_200, 10_201, 20_000, 30_000];
  const kernel = kernelWith(POOL, squares);
  expect(kernel.worthScoring(0, squares.length, 5, 0, 2)).toBe(10);
  expect(kernel.worthScoring(0, squares.length, 5, 0, 1.5)).toBe(9);
  expect(kernel.worthScoring(0, 7, 5, 0, 2)).toBe(7);
  expect(kernel.worthScoring(0, 3, 5, 0, 2)).toBe(3);
  expect(kernel.worthScoring(0, squares.length, 5, 0, 1000)).toBe(squares.length);
  const floats = kernelWith(RESULTS, squares.map(floatKey));
  expect(floats.worthScoring(1, squares.length, 5, 1, 2)).toBe(10);
  const negative = kernelWith(RESULTS, [-9, -8, -7, -6, -5, -4, -3].map(floatKey));
  expect(negative.worthScoring(1, 7, 2, 1, 2)).toBe(6);
});
