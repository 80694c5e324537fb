// The typed face of kernels/graph (see its README). Addresses are byte offsets in the memory; an instance belongs to one thread and
// one memory and keeps its configuration between calls.

import { Kernel } from '#base/kernel-module.js';
import { graphKernelBase64 } from '#index/gen/graph-kernel.js';
import { graphRelaxedKernelBase64 } from '#index/gen/graph-relaxed-kernel.js';

/** A walk over rows that count (kernels/graph/filtered.ts), over codes or over records. */
type CountingWalk = [
  query: number,
  narrow: number,
  wide: number,
  far: number,
  excluded: number,
  farBelow: number,
  sampled: number,
  budget: number,
];

export interface GraphKernel {
  useCodes(mode: number, dims: number, address: number, stride: number, centroids: number): void;
  useUpperCodes(address: number, stride: number): void;
  useGraph(
    nodes: number,
    degree: number,
    base: number,
    baseStride: number,
    upper: number,
    upperOf: number,
    header: number,
  ): void;
  useThread(
    visited: number,
    pool: number,
    results: number,
    entriesMax: number,
    scratch: number,
    lastEpoch: number,
  ): void;
  lastEpoch(): number;
  keysOfAll(query: number, ids: number, count: number, out: number): void;
  search(query: number, ef: number): number;
  /** @param kept so many of what it met stay, `ef` at least */
  searchKeeping(query: number, ef: number, kept: number): number;
  searchCounting(...args: [...walk: CountingWalk, settledWithin: number]): number;
  /** The way down the layers that `searchCounting` begins with. @returns the region of the query, a node */
  enterCounting(query: number, excluded: number): number;
  /** After it: the rest of `searchCounting`. */
  walkEntered(...args: [...walk: CountingWalk, settledWithin: number]): number;
  /** After it: a walk from the best of `count` nodes at `known`, in which earlier walks ended. */
  walkKnown(
    query: number,
    ef: number,
    excluded: number,
    known: number,
    count: number,
    budget: number,
    settledWithin: number,
  ): number;
  /** Whether the last `searchCounting` or `walkEntered` began from a sample. */
  hasGoneFar(): number;
  /** Work of the last walk among nodes that count, in nodes that are scored. */
  workDone(): number;
  scanCounting(query: number, ef: number, excluded: number): number;
  /** @param ids of the nodes that count */
  scanListed(query: number, ef: number, ids: number, count: number): number;
  takeRows(fromResults: number, count: number, out: number): void;
  worthScoring(
    fromResults: number,
    count: number,
    k: number,
    isFloat: number,
    slack: number,
    growsWithDistance: number,
  ): number;
  useRows(rows: number): void;
  /** After `useRows`: whether the bits of filters are by node. */
  useNodeBits(areByNode: number): void;
  useBuild(
    levels: number,
    linkKeys: number,
    locks: number,
    efConstruction: number,
    queries: number,
    queryBytes: number,
    picks: number,
  ): void;
  insertNext(end: number, most: number): number;
  fillLists(from: number, to: number, order: number, inverse: number, out: number): void;
  toFrame(vector: number, dim: number, mean: number, signs: number, isUnit: number, out: number): void;
  to4(vector: number, dim: number, padded: number, step: number, out: number): void;
  to6(vector: number, dim: number, padded: number, step: number, out: number): void;
  to8(vector: number, dim: number, padded: number, step: number, out: number): void;
  to16(vector: number, dim: number, padded: number, isBfloat: number, out: number): void;
  to32(vector: number, dim: number, padded: number, out: number): void;
  toQuery(
    ...args: [
      vector: number,
      dim: number,
      padded: number,
      scale: number,
      offset: number,
      low: number,
      high: number,
      out: number,
    ]
  ): void;
  useRecords(
    at: number,
    bytes: number,
    dims: number,
    slots: number,
    bits: number,
    isIp: number,
    table: number,
  ): void;
  writeRecords(
    from: number,
    to: number,
    codes: number,
    codeStride: number,
    lists: number,
    length: number,
    order: number,
  ): void;
  makeTable(query: number, dim: number, scale: number): void;
  searchRecords(query: number, ef: number, most: number): number;
  searchRecordsCounting(...args: CountingWalk): number;
}

export const graphKernel = new Kernel<GraphKernel>(graphKernelBase64, graphRelaxedKernelBase64);
