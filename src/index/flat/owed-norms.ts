// Inverse norms of vectors that lie in their place already: what a store that was loaded without them computes before the first search that needs them.
import { type ElementType, elementCodes } from '#index/block/element-type.js';
import { flatKernel } from './flat-kernel.js';
import type { FlatSearchContext } from './flat-queries.js';

/** Vectors that follow each other in the memory, and where their norms go. */
export interface OwedNormsInput {
  readonly elementType: ElementType;
  readonly dim: number;
  readonly count: number;
  readonly vectors: number;
  readonly norms: number;
}

export function owedNorms(
  { elementType, dim, count, vectors, norms }: OwedNormsInput,
  { memories }: FlatSearchContext,
): number {
  flatKernel
    .on(memories[0] as WebAssembly.Memory)
    .norms(elementCodes[elementType], vectors, dim, count, norms);
  return count;
}
