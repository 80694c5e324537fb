// The records of a quantised graph (kernels/graph/qg.ts writes and reads them), and what its block says of them.

import { alignUp } from '#base/bytes.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { type GraphParams, graphParams } from './graph-layout.js';

/** Neighbours whose codes lie side by side. */
const BATCH = 32;
export interface RecordLayout {
  /** Dims of the own code and of a neighbour's: padded to 16. */
  readonly dims: number;
  /** Neighbours a record has room for: 2 * M, padded to whole batches. */
  readonly slots: number;
  /** Where the ids begin; before them lies the own code. */
  readonly idsAt: number;
  readonly bytes: number;
}

export function recordLayout(dim: number, degree: number, bits: number): RecordLayout {
  const dims = alignUp(dim, 16);
  const slots = Math.ceil((2 * degree) / BATCH) * BATCH;
  // Ids, factors, and for each plane a bit a dim.
  const bytes = dims + slots * (4 + 4) + (slots * dims * bits) / 8;
  return { dims, slots, idsAt: dims, bytes: alignUp(bytes, 64) };
}

export interface QgParams extends GraphParams {
  readonly bits: number;
}

export const qgParams = (placement: Pick<IndexPlacement, 'params'>): QgParams => ({
  ...graphParams(placement),
  bits: Number(placement.params.bits),
});
