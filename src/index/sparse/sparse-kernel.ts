// The typed face of kernels/sparse (see there for the memory it reads and writes). Addresses are byte offsets in the memory.

import { Kernel } from '#base/kernel-module.js';
import { sparseKernelBase64 } from '#index/gen/sparse-kernel.js';

export interface SparseKernel {
  taat(
    ...args: [
      terms: number,
      count: number,
      rows: number,
      sums: number,
      delta: number,
      top: number,
      low: number,
      high: number,
      excluded: number,
    ]
  ): void;
  maxScore(
    ...args: [
      order: number,
      count: number,
      rows: number,
      sums: number,
      delta: number,
      blockDelta: number,
      byBlock: number,
      top: number,
      low: number,
      high: number,
      excluded: number,
    ]
  ): void;
  wand(
    ...args: [
      order: number,
      count: number,
      delta: number,
      blockDelta: number,
      byBlock: number,
      top: number,
      low: number,
      high: number,
      excluded: number,
    ]
  ): void;
  bm25(
    ...args: [
      terms: number,
      count: number,
      rows: number,
      sums: number,
      marks: number,
      delta: number,
      lengths: number,
      base: number,
      slope: number,
      top: number,
      low: number,
      high: number,
      excluded: number,
    ]
  ): void;
  finish(top: number): number;
  clear(at: number, bytes: number): void;
}

export const sparseKernel = new Kernel<SparseKernel>(sparseKernelBase64);

/** Sums of one window of rows. */
export const SUMS_BYTES = 4096 * 8;
/** A bit for each of its rows, behind a bit for each word of these; to a whole line of the cache. */
export const MARKS_BYTES = 64 + 4096 / 8;
export const TOP_HEADER_BYTES = 16;
export const TERM_BYTES = 48;
export const ORDER_BYTES = 16;
/** Row number after the last of a list. */
export const ROW_END = 0xffffffff;
/** The score of a top-k entry's key. */
const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);
export function scoreOfKey(key: number): number {
  word[0] = 0x7fffffff - key;
  return float[0] as number;
}
