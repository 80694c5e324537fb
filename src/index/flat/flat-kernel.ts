// The typed face of kernels/flat (see its README for the memory it reads and writes). Addresses are byte offsets in the memory.

import { Kernel } from '#base/kernel-module.js';
import { flatKernelBase64 } from '#index/gen/flat-kernel.js';
import { flatRelaxedKernelBase64 } from '#index/gen/flat-relaxed-kernel.js';

export interface FlatKernel {
  scanOne(
    ...args: [
      element: number,
      metric: number,
      dim: number,
      vectors: number,
      norms: number,
      firstRow: number,
      count: number,
      query: number,
      top: number,
      excluded: number,
      low: number,
      high: number,
    ]
  ): void;
  scanMany(
    ...args: [
      element: number,
      metric: number,
      dim: number,
      vectors: number,
      norms: number,
      firstRow: number,
      count: number,
      queryCount: number,
      queries: number,
      queryStride: number,
      tops: number,
      topStride: number,
      excluded: number,
      low: number,
      high: number,
    ]
  ): void;
  /** Rows by number, in any order, each once; the result means nothing. */
  scanIds(
    ...args: [
      element: number,
      metric: number,
      dim: number,
      vectors: number,
      norms: number,
      blockRows: number,
      blockBytes: number,
      ids: number,
      count: number,
      query: number,
      top: number,
      excluded: number,
      low: number,
      high: number,
    ]
  ): number;
  /** Lists of query vectors against rows that are lists of vectors: adds to `sums` the distance of each query vector's best match. */
  maxSim(
    ...args: [
      element: number,
      metric: number,
      dim: number,
      vectors: number,
      norms: number,
      blockRows: number,
      blockBytes: number,
      spans: number,
      count: number,
      queryCount: number,
      queries: number,
      queryStride: number,
      tops: number,
      topStride: number,
      sums: number,
    ]
  ): void;
  finish(top: number): number;
  norms(element: number, vectors: number, dim: number, rows: number, out: number): void;
  widen(element: number, dim: number, query: number, out: number): void;
  read(from: number, bytes: number): number;
}

export const flatKernel = new Kernel<FlatKernel>(flatKernelBase64, flatRelaxedKernelBase64);
/** The kernel without relaxed SIMD, as Node 20 runs it. */
export const flatBaselineKernel = new Kernel<FlatKernel>(flatKernelBase64);

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);
/** Order-preserving uint32 of a float32 (smaller float, smaller key); both zeros have one key. */
export function keyOf(value: number): number {
  float[0] = value + 0;
  const bits = word[0] as number;
  return bits === 0x80000000 ? 0x80000000 : (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

/** The float32 of a key. */
export function floatOf(key: number): number {
  word[0] = key & 0x80000000 ? key & 0x7fffffff : ~key;
  return float[0] as number;
}

export const KEY_LOWEST = keyOf(Number.NEGATIVE_INFINITY);
/** Exclusive: the key after that of Infinity. Keys of NaN lie outside [KEY_LOWEST, KEY_END). */
export const KEY_END = keyOf(Number.POSITIVE_INFINITY) + 1;
