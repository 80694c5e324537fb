import { expect, test } from 'vitest';
import { nextFloat, seededRandom } from '#base/random.js';
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
  // The fifth has distance 100: with a slack of 2, one either side, distances up to 101 may be nearer, squared 10,201.
  const squares = [1, 4, 9, 16, 10_000, 10_100, 10_150, 10_200, 10_200, 10_200, 10_202, 20_000, 30_000];
  const kernel = kernelWith(POOL, squares);
  expect(kernel.worthScoring(0, squares.length, 5, 0, 2, 1)).toBe(10);
  expect(kernel.worthScoring(0, squares.length, 5, 0, 1.5, 1)).toBe(9);
  expect(kernel.worthScoring(0, 7, 5, 0, 2, 1)).toBe(7);
  expect(kernel.worthScoring(0, 3, 5, 0, 2, 1)).toBe(3);
  expect(kernel.worthScoring(0, squares.length, 5, 0, 1000, 1)).toBe(squares.length);
  const floats = kernelWith(RESULTS, squares.map(floatKey));
  expect(floats.worthScoring(1, squares.length, 5, 1, 2, 1)).toBe(10);
  // Codes that are equal say that rows are nearer than codes distinguish.
  const near = kernelWith(POOL, [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 4]);
  expect(near.worthScoring(0, 11, 1, 0, 2.5, 1)).toBe(8);
  const negative = kernelWith(RESULTS, [-9, -8, -7, -6, -5, -4, -3].map(floatKey));
  expect(negative.worthScoring(1, 7, 2, 1, 2, 1)).toBe(6);
  // Inner products err by as much whatever they are.
  const products = kernelWith(RESULTS, [-90, -80, -70, -60, -50, -40, -30, -20, -10].map(floatKey));
  expect(products.worthScoring(1, 9, 2, 1, 50, 0)).toBe(7);
});

const MEAN = 4096;
const SIGNS = 8192;
const FRAMED = 24_576;
const QUERY = 32_768;

/** In order: signs and a transform over the first, then the last, power of two of values, four times; of a power of two, twice. */
function rotated(values: number[], signs: Float32Array): number[] {
  const { length } = values;
  const block = 2 ** Math.floor(Math.log2(length));
  const rest = length - block;
  for (let round = 0; round < (rest === 0 ? 2 : 4); round++) {
    for (let i = 0; i < length; i++) values[i] = at(values, i) * at(signs, round * length + i);
    const from = round % 2 === 1 ? rest : 0;
    for (let step = 1; step < block; step *= 2)
      for (let i = 0; i < block; i++) {
        if ((i & step) !== 0) continue;
        const [a, b] = [at(values, from + i), at(values, from + i + step)];
        values[from + i] = a + b;
        values[from + i + step] = a - b;
      }
    for (let i = 0; i < block; i++) values[from + i] = at(values, from + i) / Math.sqrt(block);
  }
  return values;
}

const at = (values: ArrayLike<number>, place: number): number => values[place] as number;

test.each([16, 17, 32, 50, 64, 100, 384])(
  '%i values are brought into a frame, and coded as a query',
  (dim) => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const kernel = graphKernel.on(memory);
    const random = seededRandom(dim);
    const drawn = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => nextFloat(random) - 0.5);
    const [x, mean] = [drawn(dim), drawn(dim)];
    const signs = drawn(4 * dim).map(Math.sign);
    const floats = new Float32Array(memory.buffer);
    floats.set(x);
    floats.set(mean, MEAN / 4);
    floats.set(signs, SIGNS / 4);
    kernel.toFrame(0, dim, MEAN, SIGNS, 1, FRAMED);
    const length = Math.hypot(...x);
    const shifted = Array.from(x, (value, i) => value / length - at(mean, i));
    const expected = rotated(shifted, signs);
    const framed = floats.slice(FRAMED / 4, FRAMED / 4 + dim);
    for (let i = 0; i < dim; i++) expect(at(framed, i)).toBeCloseTo(at(expected, i), 5);
    const padded = Math.ceil(dim / 64) * 64;
    new Int16Array(memory.buffer, QUERY, padded).fill(-1);
    kernel.toQuery(FRAMED, dim, padded, 300, 120, -100, 300, QUERY);
    const codes = Array.from(framed, (value) => {
      const code = Math.fround(Math.fround(value * 300) + 120);
      return Math.min(300, Math.max(-100, code));
    });
    const coded = new Int16Array(memory.buffer, QUERY, padded);
    for (let i = 0; i < padded; i++)
      expect(Math.abs(at(coded, i) - (codes[i] ?? 0))).toBeLessThanOrEqual(0.5);
  },
);
