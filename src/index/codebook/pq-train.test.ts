// Product quantisation: what codes stand for is near the vectors, tables give the inner products with it, levels bring it nearer.
import { describe, expect, it } from 'vitest';
import { nextFloat, seededRandom } from '#base/random.js';
import { REGION_BYTES_MAX } from '#index/block/region-layout.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { workerTasks } from '#index/worker-tasks.js';
import {
  type PqShape,
  pqBiasFloats,
  pqBookFloats,
  pqDecode,
  pqEncode,
  pqEncodeBytes,
  pqShape,
  pqTables,
} from './pq-codebook.js';
import { trainPq } from './pq-train.js';

const inlineWorkers = (parallelism: number): IndexWorkers => ({
  parallelism,
  allocate: (bytes, bytesMax) => ({
    memory: new WebAssembly.Memory({
      initial: Math.ceil(bytes / 65536),
      maximum: Math.ceil(bytesMax / 65536),
      shared: true,
    }),
  }),
  release: () => {},
  async run<Output>(task: string, input: unknown, regions: readonly IndexRegion[]): Promise<Output> {
    const run = (
      workerTasks as Record<
        string,
        (input: never, context: { memories: WebAssembly.Memory[]; thread: number }) => unknown
      >
    )[task];
    return run?.(structuredClone(input) as never, {
      memories: regions.map(({ memory }) => memory),
      thread: 0,
    }) as Output;
  },
});

const START = 65536;
/** Trains on the vectors, encodes them, and returns codes, what they stand for, and the memory with all in it. */
async function quantise(vectors: Float32Array, shape: PqShape, threads = 1) {
  const workers = inlineWorkers(threads);
  const count = vectors.length / shape.padded;
  const region = workers.allocate(START + vectors.byteLength, REGION_BYTES_MAX);
  new Float32Array(region.memory.buffer, START, vectors.length).set(vectors);
  const book = await trainPq(workers, shape, { region, samples: START, count, seed: 5 });
  const books = START + Math.ceil(vectors.byteLength / 64) * 64;
  const bias = books + pqBookFloats(shape) * 4;
  const work = bias + pqBiasFloats(shape) * 4;
  const tables = work + Math.ceil(pqEncodeBytes(count) / 64) * 64;
  const zeros = tables + shape.tables * shape.entries * 4;
  const end = zeros + shape.entries * 4;
  const { memory } = workers.allocate(end, end);
  new Float32Array(memory.buffer, START, vectors.length).set(vectors);
  new Float32Array(memory.buffer, books, book.books.length).set(book.books);
  new Float32Array(memory.buffer, bias, book.bias.length).set(book.bias);
  const place = { shape, books, bias };
  const codes =
    shape.codeBytes === 1 ? new Uint8Array(count * shape.tables) : new Uint16Array(count * shape.tables);
  pqEncode(memory, place, START, count, work, codes);
  const decoded = new Float32Array(vectors.length);
  for (let i = 0; i < count; i++) {
    const row = decoded.subarray(i * shape.padded, (i + 1) * shape.padded);
    pqDecode(memory, place, codes.subarray(i * shape.tables, (i + 1) * shape.tables), row);
  }
  const rest = new Float32Array(memory.buffer, START, vectors.length).slice();
  return { memory, place, codes, decoded, rest, tables, zeros, book };
}

const random = seededRandom(21);
const noise = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => nextFloat(random) * 2 - 1);
const error = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / a.length;

describe('product quantisation', () => {
  it.each([
    [8, 4, 1, 1],
    [8, 4, 3, 1],
    [12, 3, 4, 1],
    [24, 6, 8, 1],
    [8, 2, 10, 1],
    [10, 5, 5, 3],
    [1, 1, 2, 1],
    [130, 10, 4, 2],
  ])('dim %i, m %i, nbits %i, levels %i', async (dim, m, nbits, levels) => {
    const shape = pqShape(dim, m, nbits, levels, 1500);
    const vectors = noise(1500 * shape.padded);
    const { memory, place, codes, decoded, rest, tables, zeros } = await quantise(vectors, shape);
    const variance = error(vectors, new Float32Array(vectors.length));
    expect(error(vectors, decoded)).toBeLessThan(variance * (nbits === 1 ? 0.9 : 0.8));
    expect(
      error(
        rest,
        Float32Array.from(vectors, (value, i) => value - (decoded[i] as number)),
      ),
    ).toBeLessThan(1e-10);
    expect(codes.every((code) => code < shape.codewords)).toBe(true);
    const query = noise(shape.padded);
    new Float32Array(memory.buffer, START, query.length).set(query);
    pqTables(memory, place, START, zeros, tables);
    const entries = new Float32Array(memory.buffer, tables, shape.tables * shape.entries);
    for (let i = 0; i < 50; i++) {
      let sum = 0;
      for (let t = 0; t < shape.tables; t++)
        sum += entries[t * shape.entries + (codes[i * shape.tables + t] as number)] as number;
      const dot = query.reduce(
        (total, value, d) => total + value * (decoded[i * shape.padded + d] as number),
        0,
      );
      expect(sum).toBeCloseTo(-dot, 4);
    }
  });
  it('comes nearer with each level', async () => {
    const vectors = noise(2000 * 16);
    const errors = [];
    for (const levels of [1, 2, 3])
      errors.push(error(vectors, (await quantise(vectors, pqShape(16, 4, 5, levels, 2000))).decoded));
    expect(errors[1]).toBeLessThan((errors[0] as number) * 0.6);
    expect(errors[2]).toBeLessThan((errors[1] as number) * 0.6);
  });
  it('does not depend on the number of threads', async () => {
    const shape = pqShape(12, 3, 4, 2, 5000);
    const vectors = noise(5000 * 12);
    expect((await quantise(vectors, shape, 4)).book.books).toEqual(
      (await quantise(vectors, shape)).book.books,
    );
  });
  it('makes do with fewer vectors than codewords', async () => {
    const shape = pqShape(4, 2, 8, 1, 3);
    const vectors = noise(12);
    expect(error((await quantise(vectors, shape)).decoded, vectors)).toBeLessThan(1e-10);
  });
  it('refuses what makes no sense', () => {
    expect(() => pqShape(8, 4, 17, 1, 10)).toThrow(/nbits is 17, expected 1 to 16/);
    expect(() => pqShape(8, 9, 8, 1, 10)).toThrow(/m is 9/);
    expect(() => pqShape(8, 4, 8, 17, 10)).toThrow(/nrq is 17/);
  });
});
