// The scores of lists of vectors, held against a loop over numbers: every element type and metric, rows across blocks, more query vectors
// than are compared at once, ranges, and fewer rows than asked for.
import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import { isLargerBetter } from '#index/block/metric.js';
import { writeFloats } from '#index/block/vector-floats.js';
import type { MetricName } from '#model/schema/metric-type.js';
import { maxSim } from './max-sim.js';
import { VectorStore } from './vector-store.js';

const memoryOf = (): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: 300, maximum: 4096, shared: true });

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 13), 0x5bd1e995) + 0x9e3779b9) >>> 0;
    return (state % 2000) / 1000 - 1;
  };
}

function bytesFor(type: ElementType, dim: number, count: number, next: () => number): Uint8Array {
  const length = dim * count;
  if (type === 'float32') return bytesView(Float32Array.from({ length }, next));
  if (type === 'int8') return bytesView(Int8Array.from({ length }, () => Math.round(next() * 100)));
  if (type === 'binary')
    return Uint8Array.from({ length: vectorBytes(type, dim) * count }, () => Math.floor((next() + 1) * 127));
  // Sign and a small exponent: finite in both two-byte types.
  return bytesView(
    Uint16Array.from({ length }, () => 0x3c00 + Math.floor((next() + 1) * 500) + (next() < 0 ? 0x8000 : 0)),
  );
}

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

function scoreOf(metric: MetricName, a: Float32Array, b: Float32Array): number {
  if (metric === 'IP') return dot(a, b);
  if (metric === 'COSINE') return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const differing = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  if (metric !== 'JACCARD') return differing;
  const shared = dot(a, b);
  return 1 - shared / (shared + differing);
}

function numbersOf(type: ElementType, dim: number, bytes: Uint8Array): Float32Array {
  const numbers = Float32Array.from({ length: dim }, (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
  if (type !== 'binary') writeFloats(type, bytes, numbers);
  return numbers;
}

describe('maxSim', () => {
  const cases: [ElementType, readonly MetricName[]][] = [
    ['float32', ['L2', 'IP', 'COSINE']],
    ['float16', ['L2', 'IP', 'COSINE']],
    ['bfloat16', ['L2', 'IP', 'COSINE']],
    ['int8', ['L2', 'IP', 'COSINE']],
    ['binary', ['HAMMING', 'JACCARD']],
  ];
  for (const [elementType, metrics] of cases) {
    for (const metric of metrics) {
      it.each([8, 24, 40])(`${elementType} by ${metric}, dim %i`, (dim) => {
        const memory = memoryOf();
        const next = randomOf(dim * 31 + metric.length);
        const lengths = Uint32Array.from({ length: 90 }, (_, row) => row % 6);
        const total = lengths.reduce((sum, length) => sum + length, 0);
        const store = new VectorStore(
          { memory },
          { dim, elementType, inverseNorms: elementType !== 'binary', blockRows: 64 },
        );
        const bytes = bytesFor(elementType, dim, total, next);
        store.append(bytes);
        const lists = Uint32Array.of(1, 4, 7, 2);
        const queries = bytesFor(elementType, dim, 14, next);
        const width = store.vectorBytes;
        const vectorAt = (all: Uint8Array, at: number) =>
          numbersOf(elementType, dim, all.slice(at * width, (at + 1) * width));
        const rows: number[] = [];
        const spans: number[] = [];
        let begin = 0;
        for (const [row, length] of lengths.entries()) {
          if (length > 0 && row % 7 !== 3) {
            rows.push(row);
            spans.push(begin, begin + length);
          }
          begin += length;
        }
        const larger = isLargerBetter(metric);
        const best = larger ? Math.max : Math.min;
        const input = {
          ...store.place,
          metric,
          queries,
          lists,
          k: 9,
          rows: Uint32Array.from(rows),
          spans: Uint32Array.from(spans),
        };
        const context = { memories: [memory], thread: 0 };
        const found = maxSim(input, context);
        let first = 0;
        for (const [list, count] of lists.entries()) {
          const wanted = rows
            .map((row, at) => {
              let score = 0;
              for (let query = first; query < first + count; query++) {
                const matches: number[] = [];
                for (let element = spans[at * 2] ?? 0; element < (spans[at * 2 + 1] ?? 0); element++)
                  matches.push(scoreOf(metric, vectorAt(queries, query), vectorAt(bytes, element)));
                score += best(...matches);
              }
              return { row, score };
            })
            .sort((a, b) => (larger ? b.score - a.score : a.score - b.score) || a.row - b.row)
            .slice(0, 9);
          const scores = found.scores.slice(list * 9, list * 9 + 9);
          const scale = Math.max(1, ...wanted.map(({ score }) => Math.abs(score)));
          for (const [at, { score }] of wanted.entries())
            expect(Math.abs((scores[at] ?? 0) - score) / scale).toBeLessThan(1e-4);
          first += count;
        }
        expect([...found.counts]).toEqual([9, 9, 9, 9]);
        const middle = found.scores[4] as number;
        const bounds = larger
          ? { radius: middle }
          : { radius: middle, rangeFilter: found.scores[1] as number };
        const ranged = maxSim(
          { ...input, lists: Uint32Array.of(1), queries: queries.slice(0, width), ...bounds },
          context,
        );
        for (const score of ranged.scores) expect(larger ? score > middle : score < middle).toBe(true);
        expect(ranged.counts[0]).toBeLessThanOrEqual(9);
        expect(maxSim({ ...input, k: 1000 }, context).counts[0]).toBe(rows.length);
        expect(
          maxSim({ ...input, rows: new Uint32Array(0), spans: new Uint32Array(0) }, context).counts,
        ).toEqual(new Uint32Array(4));
      });
    }
  }
});
