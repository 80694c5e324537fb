// The nodes nearest to a query by their codes among many: looked through in pieces by the kernel, the nearest kept.
import { CandidatePool } from '#index/block/candidate-pool.js';
import type { GraphKernel } from './graph-kernel.js';

/** Addresses: the query in the form that codes are compared with, and room for the ids and keys of a piece (and four more). */
export interface CodePlaces {
  readonly query: number;
  readonly ids: number;
  readonly keys: number;
}

/**
 * @param kernel set up for the codes
 * @param count nodes wanted at most
 * @param fill writes the next nodes to `ids`, as many as there is room for. @returns how many; 0: there are no more
 * @returns nearest first
 */
export function nearestByCode(
  kernel: GraphKernel,
  memory: WebAssembly.Memory,
  at: CodePlaces,
  count: number,
  pieceNodes: number,
  fill: (ids: Uint32Array) => number,
): Uint32Array {
  const ids = new Uint32Array(memory.buffer, at.ids, pieceNodes);
  const keys = new Uint32Array(memory.buffer, at.keys, pieceNodes);
  const pool = new CandidatePool(count);
  for (let listed = fill(ids); listed > 0; listed = fill(ids)) {
    kernel.keysOfAll(at.query, at.ids, listed, at.keys);
    for (let i = 0; i < listed; i++) {
      const key = keys[i] as number;
      if (!pool.isFull(key)) pool.offer(key, ids[i] as number);
    }
  }
  return pool.nodes();
}
