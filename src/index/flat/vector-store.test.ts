// Appends in odd pieces from unaligned bytes, growth, inverse norms, reads of single rows, and the refusal of what does not fit.

import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import { DATA_OFFSET } from '#index/block/region-layout.js';
import { defaultBlockRows, roundUpBlockRows, VectorStore } from './vector-store.js';

const regionOf = (maximum = 65535) => ({
  memory: new WebAssembly.Memory({ initial: DATA_OFFSET / 65536, maximum, shared: true }),
});

const randomFloats = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => nextFloat(random) * 2 - 1);
};

describe('VectorStore', () => {
  it.each([1, 3, 8, 127, 768])('keeps every appended vector and its inverse norm, dim %i', (dim) => {
    const random = seededRandom(dim);
    const total = 500;
    const floats = randomFloats(dim, total * dim);
    const source = new Uint8Array(floats.byteLength + 1);
    source.set(bytesView(floats), 1);
    const region = regionOf();
    const store = new VectorStore(region, { dim, inverseNorms: true, blockRows: 64 });
    for (let row = 0; row < total; ) {
      const count = Math.min(total - row, nextBelow(random, 150));
      expect(store.append(source.subarray(1 + row * dim * 4, 1 + (row + count) * dim * 4))).toBe(row);
      row += count;
    }
    expect(store.rowCount).toBe(total);
    expect(store.capacity).toBeGreaterThanOrEqual(total);
    expect(store.endOffset).toBeLessThanOrEqual(region.memory.buffer.byteLength);
    expect(VectorStore.bytesFor(total, { dim, inverseNorms: true, blockRows: 64 })).toBe(store.endOffset);
    const picked = Uint32Array.of(0, 63, 64, 499, 64);
    const wanted = [...picked].flatMap((row) => [...floats.subarray(row * dim, (row + 1) * dim)]);
    expect(new Float32Array(store.copyRows(picked).buffer)).toEqual(Float32Array.from(wanted));
    for (const row of picked)
      expect(store.view(row)).toEqual(bytesView(floats).slice(row * dim * 4, (row + 1) * dim * 4));
    store.copyInverseNorms().forEach((inverse, row) => {
      const norm = Math.hypot(...floats.subarray(row * dim, (row + 1) * dim));
      expect(inverse * norm).toBeCloseTo(1, 5);
    });
    // The kernels write nothing outside the addresses that they were given.
    expect(new Uint8Array(region.memory.buffer, 0, DATA_OFFSET).every((byte) => byte === 0)).toBe(true);
  });
  it.each([1, 3, 8])('takes vectors of some rows, across blocks, dim %i', (dim) => {
    const random = seededRandom(dim);
    const options = { dim, inverseNorms: true, blockRows: 64 };
    const [some, all] = [new VectorStore(regionOf(), options), new VectorStore(regionOf(), options)];
    for (const share of [0, 2, 10, 50]) {
      const valid = Uint8Array.from({ length: 150 }, () => Number(nextBelow(random, share + 1) > 0));
      const rows = Array.from(valid, (flag) =>
        Float32Array.from({ length: dim }, () => (flag === 0 ? 0 : nextFloat(random) - 0.5)),
      );
      const joined = (wanted: readonly Float32Array[]) =>
        bytesView(Float32Array.from(wanted.flatMap((row) => [...row])));
      const first = all.append(joined(rows));
      expect(some.appendPresent(joined(rows.filter((_, row) => valid[row] === 1)), valid)).toBe(first);
    }
    const rows = Uint32Array.from({ length: all.rowCount }, (_, row) => row);
    expect(some.copyRows(rows)).toEqual(all.copyRows(rows));
    expect(some.copyInverseNorms()).toEqual(all.copyInverseNorms());
    expect(() => some.appendPresent(new Uint8Array(dim * 4), Uint8Array.of(1, 1))).toThrow();
    const mixed = Uint32Array.of(3, 4, 5, 63, 64, 65, 2, 1, 0, 0, 599);
    const one = (row: number) => [...all.view(row)];
    expect([...all.copyRows(mixed)]).toEqual([...mixed].flatMap(one));
  });
  it('gives copies, not windows', () => {
    const store = new VectorStore(regionOf(), { dim: 1, inverseNorms: false });
    store.append(bytesView(Float32Array.of(1)));
    store.view(0).fill(9);
    store.copyRows(Uint32Array.of(0)).fill(9);
    expect(store.view(0)).toEqual(bytesView(Float32Array.of(1)));
  });
  it('takes known inverse norms instead of computing them', () => {
    const store = new VectorStore(regionOf(), { dim: 2, inverseNorms: true, blockRows: 64 });
    const known = randomFloats(3, 130);
    store.append(bytesView(randomFloats(4, 260)), known);
    expect(store.copyInverseNorms()).toEqual(known);
  });
  it('has an inverse norm of 0 where a vector has no direction, and a true one at the ends of the float range', () => {
    const store = new VectorStore(regionOf(), { dim: 5, inverseNorms: true });
    const rows = [[0], [Number.NaN], [Infinity], [1e-30], [3e38], [0, 0, 0, 0, 4]].map((row) =>
      [...row, 0, 0, 0, 0].slice(0, 5),
    );
    store.append(bytesView(Float32Array.from(rows.flat())));
    const norms = store.copyInverseNorms();
    expect([...norms.subarray(0, 3)]).toEqual([0, 0, 0]);
    expect((norms[3] as number) * 1e-30).toBeCloseTo(1, 5);
    expect((norms[4] as number) * 3e38).toBeCloseTo(1, 5);
    expect(norms[5]).toBe(0.25);
  });
  it('refuses with memory_limit what does not fit, and stays as it was', () => {
    const store = new VectorStore(regionOf(DATA_OFFSET / 65536 + 4), {
      dim: 256,
      inverseNorms: false,
      blockRows: 64,
    });
    store.append(new Uint8Array(64 * 1024));
    expect(() => store.append(new Uint8Array(256 * 1024))).toThrow(
      expect.objectContaining({ key: 'memory_limit' }),
    );
    expect(() => store.reserve(5_000_000)).toThrow(expect.objectContaining({ key: 'memory_limit' }));
    expect(store.rowCount).toBe(64);
    expect(store.append(new Uint8Array(1024))).toBe(64);
  });
  it('asserts its input', () => {
    const store = new VectorStore(regionOf(), { dim: 2, inverseNorms: false });
    expect(() => store.append(new Uint8Array(7))).toThrow('whole vectors');
    expect(() => store.view(0)).toThrow('row 0 of 0');
    expect(() => new VectorStore(regionOf(), { dim: 2, inverseNorms: false, blockRows: 65 })).toThrow(
      'multiple of 64',
    );
  });
  it('chooses blocks of about a MiB', () => {
    expect([1, 128, 768, 32_768].map((dim) => defaultBlockRows(dim * 4))).toEqual([16_384, 2048, 256, 64]);
    expect([0, 1, 64, 65].map(roundUpBlockRows)).toEqual([64, 64, 64, 128]);
  });
});
