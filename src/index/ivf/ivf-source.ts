// Reads the vectors of a segment as the IVF family wants them: float32, for COSINE of length 1, for L2 with the mean taken off (so that
// data far from the origin keeps its precision), and bits as -1 and 1, whose squared distances are four times the Hamming distances.
import type { RowBlocks } from '#index/block/search-output.js';

/** What lies in the first region of a build's tasks; plain data. */
export interface IvfSource {
  readonly elementType: 'float32' | 'binary';
  readonly dim: number;
  readonly isNormalised: boolean;
  readonly vectorsOffset: number;
  readonly blocks?: RowBlocks;
}

export class SourceReader {
  readonly #source: IvfSource;
  readonly #floats: Float32Array;
  readonly #bytes: Uint8Array;
  readonly #mean: Float32Array | undefined;

  constructor(source: IvfSource, memory: WebAssembly.Memory, mean?: Float32Array) {
    this.#source = source;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#floats = new Float32Array(memory.buffer, 0, memory.buffer.byteLength >> 2);
    this.#mean = mean;
  }

  /** Row's vector to out[at, at + dim). */
  read(row: number, out: Float32Array, at: number): void {
    const { dim, elementType, vectorsOffset, blocks, isNormalised } = this.#source;
    const bytes = elementType === 'binary' ? Math.ceil(dim / 8) : dim * 4;
    const block = blocks ? Math.floor(row / blocks.rows) : 0;
    const from =
      vectorsOffset + (blocks ? block * blocks.bytes + (row - block * blocks.rows) * bytes : row * bytes);
    if (elementType === 'binary') {
      for (let d = 0; d < dim; d++)
        out[at + d] = ((this.#bytes[from + (d >> 3)] as number) >> (d & 7)) & 1 ? 1 : -1;
      return;
    }
    out.set(this.#floats.subarray(from >> 2, (from >> 2) + dim), at);
    if (isNormalised) normalise(out, at, dim);
    const mean = this.#mean;
    if (mean) for (let d = 0; d < dim; d++) out[at + d] = (out[at + d] as number) - (mean[d] as number);
  }
}

/** Scales to length 1; a vector without a direction (zero, or not finite) becomes zero. */
export function normalise(vector: Float32Array, at: number, dim: number): void {
  let sum = 0;
  for (let d = at; d < at + dim; d++) sum += (vector[d] as number) ** 2;
  const factor = 1 / Math.sqrt(sum);
  if (!(factor < Number.POSITIVE_INFINITY && factor > 0)) {
    vector.fill(0, at, at + dim);
    return;
  }
  for (let d = at; d < at + dim; d++) vector[d] = (vector[d] as number) * factor;
}
