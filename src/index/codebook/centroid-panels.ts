// Centroids as kernels/ivf wants them: panels of eight, [panel][dimension][8], so that a SIMD lane is a centroid. Places of a last
// panel that no centroid fills hold zeros, and an infinite bias keeps them from ever being the best.
export const panelsFor = (count: number): number => Math.ceil(count / 8);
export const panelFloats = (count: number, dim: number): number => panelsFor(count) * 8 * dim;

/** Copies centroid i to `out`. */
export function fromPanels(panels: Float32Array, dim: number, i: number, out: Float32Array): void {
  const at = (i >> 3) * 8 * dim + (i & 7);
  for (let d = 0; d < dim; d++) out[d] = panels[at + d * 8] as number;
}

/** Half the squared length of each of `count` centroids, Infinity in the places past them: scores then order by Euclidean distance. */
export function writeHalfSquares(panels: Float32Array, dim: number, count: number, bias: Float32Array): void {
  bias.fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < count; i++) {
    const at = (i >> 3) * 8 * dim + (i & 7);
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += (panels[at + d * 8] as number) ** 2;
    bias[i] = sum / 2;
  }
}
