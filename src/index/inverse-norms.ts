// Inverse Euclidean norms of float32 vectors: what COSINE needs beside the vectors. Zero vectors get 0, so that they score 0.
export interface InverseNormsInput {
  /** Row-major little-endian float32, rows x dim; any alignment. */
  readonly vectors: Uint8Array;
  readonly dim: number;
}
export function inverseNorms({ vectors, dim }: InverseNormsInput): Float32Array {
  const isAligned = vectors.byteOffset % 4 === 0;
  const floats = isAligned
    ? new Float32Array(vectors.buffer, vectors.byteOffset, vectors.byteLength >> 2)
    : new Float32Array(vectors.slice().buffer);
  const rows = Math.floor(floats.length / dim);
  const result = new Float32Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (const end = at + dim; at < end; at++) {
      const value = floats[at] as number;
      sum += value * value;
    }
    result[row] = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  }
  return result;
}
