// The typed face of kernels/ivf (see its README for the memory it reads and writes). Addresses are byte offsets in the memory.

import { Kernel } from '#base/kernel-module.js';
import { ivfKernelBase64 } from '#index/gen/ivf-kernel.js';
import { ivfRelaxedKernelBase64 } from '#index/gen/ivf-relaxed-kernel.js';

type CodeScan = [codes: number, width: number, count: number, rows: number, bias: number];
type CodeScanEnd = [base: number, excluded: number, top: number];
export interface IvfKernel {
  scoreAll(point: number, dim: number, panels: number, panelCount: number, bias: number, out: number): void;
  assign(
    ...args: [
      points: number,
      stride: number,
      count: number,
      dim: number,
      panels: number,
      panelCount: number,
      bias: number,
      ids: number,
      values: number,
    ]
  ): void;
  accumulate(
    points: number,
    stride: number,
    count: number,
    dim: number,
    ids: number,
    sums: number,
    counts: number,
  ): void;
  selectBest(scores: number, count: number, top: number): void;
  finish(top: number): number;
  scanBytes(...args: [...CodeScan, query: number, scale: number, ...CodeScanEnd]): void;
  scanTables8(...args: [...CodeScan, tables: number, entries: number, ...CodeScanEnd]): void;
  scanTables16(...args: [...CodeScan, tables: number, entries: number, ...CodeScanEnd]): void;
  scanNibbles(
    ...args: [...CodeScan, factors: number, tables: number, scale: number, offset: number, ...CodeScanEnd]
  ): void;
  quantiseTables(tables: number, count: number, bytes: number, out: number): void;
  signTables(values: number, dim: number, work: number, bytes: number, out: number): void;
  subtract(a: number, b: number, count: number, out: number): void;
  rotate(vectors: number, count: number, dim: number, signs: number, rounds: number): void;
  keepRows(rows: number, count: number, excluded: number, out: number): number;
}

export const ivfKernel = new Kernel<IvfKernel>(ivfKernelBase64, ivfRelaxedKernelBase64);
