// Inverse Euclidean norms of vectors: what COSINE needs beside them. Zero vectors get 0, so that they score 0. The kernel that the
// vector store uses computes them here too, so that both have the same bits.
import { type ElementType, elementCodes, vectorBytes } from '#index/block/element-type.js';
import { WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import { flatKernel } from './flat-kernel.js';

export interface InverseNormsInput {
  /** Row-major, little-endian, rows x dim; any alignment. */
  readonly vectors: Uint8Array;
  readonly dim: number;
  /** Default float32; not binary. */
  readonly elementType?: ElementType;
}

const CHUNK_BYTES = 1 << 20;
/** One a thread, made when first needed: chunk | norms of the chunk. */
let workspace: WebAssembly.Memory | undefined;

export function inverseNorms({ vectors, dim, elementType = 'float32' }: InverseNormsInput): Float32Array {
  const rowBytes = vectorBytes(elementType, dim);
  const rows = Math.floor(vectors.length / rowBytes);
  const result = new Float32Array(rows);
  const chunkRows = Math.max(1, Math.floor(CHUNK_BYTES / Math.max(4, rowBytes)));
  const pages = (CHUNK_BYTES * 2) / WASM_PAGE_BYTES;
  workspace ??= new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const kernel = flatKernel.on(workspace);
  for (let row = 0; row < rows; row += chunkRows) {
    const count = Math.min(chunkRows, rows - row);
    new Uint8Array(workspace.buffer).set(vectors.subarray(row * rowBytes, (row + count) * rowBytes));
    kernel.norms(elementCodes[elementType], 0, dim, count, CHUNK_BYTES);
    result.set(new Float32Array(workspace.buffer, CHUNK_BYTES, count), row);
  }
  return result;
}
