// Worker tasks of an IVF build. Regions: the source vectors, and the region that the index is made in. Each task works on one piece,
// and no result depends on which thread has which piece.
import { fromPanels, panelFloats, panelsFor } from '#index/codebook/centroid-panels.js';
import { ivfKernel } from '#index/codebook/ivf-kernel.js';
import { BLOCK_ROWS, blocksOf, type IvfLayout } from './ivf-layout.js';
import { type IvfSource, SourceReader } from './ivf-source.js';

type Context = { readonly memories: readonly WebAssembly.Memory[] };
const memoriesOf = (context: Context): [WebAssembly.Memory, WebAssembly.Memory] =>
  context.memories as [WebAssembly.Memory, WebAssembly.Memory];

/** Byte offsets in the build region; the sections' are those of ivfSections. */
export interface IvfBuildPlan {
  readonly layout: IvfLayout;
  readonly source: IvfSource;
  readonly at: Readonly<Record<string, number>>;
  /** Half the squared length of each centroid, as assignment needs it whatever the metric. */
  readonly halfSquares: number;
  /** The list of each row. */
  readonly ids: number;
  readonly isL2: boolean;
}

export const sectionAt = (plan: Pick<IvfBuildPlan, 'at'>, name: string): number => plan.at[name] ?? 0;

export interface IvfSampleInput {
  readonly source: IvfSource;
  readonly rows: Uint32Array;
  /** Byte offset of the samples in the second region, dim floats each. */
  readonly out: number;
  readonly hasMean: boolean;
}

/** Copies sample rows; for L2, takes off their middle, which is the result. */
export function ivfSample({ source, rows, out, hasMean }: IvfSampleInput, context: Context): Float32Array {
  const [from, to] = memoriesOf(context);
  const { dim } = source;
  const reader = new SourceReader(source, from);
  const samples = new Float32Array(to.buffer, out, rows.length * dim);
  rows.forEach((row, i) => {
    reader.read(row, samples, i * dim);
  });
  if (!hasMean || rows.length === 0) return new Float32Array(dim);
  const mean = middleOf(samples, dim);
  for (let at = 0; at < samples.length; at += dim) {
    for (let d = 0; d < dim; d++) samples[at + d] = (samples[at + d] as number) - (mean[d] as number);
  }
  return mean;
}

/** Rows whose medians show where most rows are, and those whose mean is taken. */
const MEDIAN_ROWS = 101;
const MEAN_ROWS = 4096;
/** Squared distances from there, to the usual one, beyond which rows do not count. */
const FAR = 16;
/** The mean of rows that are not far: a few of great length would move it so far from the others that float32 could not distinguish these. */
function middleOf(samples: Float32Array, dim: number): Float32Array {
  const rows = samples.length / dim;
  const count = Math.min(rows, MEAN_ROWS);
  const some = Math.min(rows, MEDIAN_ROWS);
  const centre = Float64Array.from({ length: dim }, (_, d) => {
    const values = Float64Array.from(
      { length: some },
      (_row, i) => samples[Math.floor((i * rows) / some) * dim + d] as number,
    ).sort();
    return values[some >> 1] as number;
  });
  const startOf = (i: number): number => Math.floor((i * rows) / count) * dim;
  const distances = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = startOf(i);
    let sum = 0;
    for (let d = 0; d < dim; d++) {
      const difference = (samples[at + d] as number) - (centre[d] as number);
      sum += difference * difference;
    }
    distances[i] = sum;
  }
  const bound = (distances.slice().sort()[count >> 1] as number) * FAR;
  const sums = new Float64Array(dim);
  let counted = 0;
  for (let i = 0; i < count; i++) {
    if ((distances[i] as number) > bound) continue;
    counted++;
    const at = startOf(i);
    for (let d = 0; d < dim; d++) sums[d] = (sums[d] as number) + (samples[at + d] as number);
  }
  return Float32Array.from(sums, (sum) => sum / counted);
}

export interface IvfAssignInput {
  readonly plan: IvfBuildPlan;
  readonly begin: number;
  readonly end: number;
  /** Byte offset of dim floats and one word per row. */
  readonly work: number;
}

/** Finds the list of each row; when rows become bytes, returns the least and the greatest of their residuals, dimension by dimension. */
export function ivfAssign({ plan, begin, end, work }: IvfAssignInput, context: Context): Float32Array {
  const [from, to] = memoriesOf(context);
  const { layout, ids, halfSquares } = plan;
  const { dim, lists, kind } = layout;
  const count = end - begin;
  const reader = readerOf(plan, from, to);
  const points = new Float32Array(to.buffer, work, count * dim);
  for (let i = 0; i < count; i++) reader.read(begin + i, points, i * dim);
  const panels = sectionAt(plan, 'centroids');
  ivfKernel
    .on(to)
    .assign(
      work,
      dim * 4,
      count,
      dim,
      panels,
      panelsFor(lists),
      halfSquares,
      ids + begin * 4,
      work + count * dim * 4,
    );
  if (kind !== 'bytes') return new Float32Array(0);
  const bounds = new Float32Array(dim * 2)
    .fill(Number.POSITIVE_INFINITY, 0, dim)
    .fill(Number.NEGATIVE_INFINITY, dim);
  const listOf = new Uint32Array(to.buffer, ids + begin * 4, count);
  const centroid = new Float32Array(dim);
  const all = new Float32Array(to.buffer, panels, panelFloats(lists, dim));
  for (let i = 0; i < count; i++) {
    fromPanels(all, dim, listOf[i] as number, centroid);
    for (let d = 0; d < dim; d++) {
      const rest = (points[i * dim + d] as number) - (centroid[d] as number);
      if (rest < (bounds[d] as number)) bounds[d] = rest;
      if (rest > (bounds[dim + d] as number)) bounds[dim + d] = rest;
    }
  }
  return bounds;
}

/** Sorts rows into their lists. */
export function ivfOrder(plan: IvfBuildPlan, context: Context): void {
  const [, to] = memoriesOf(context);
  const { count, lists } = plan.layout;
  const ids = new Uint32Array(to.buffer, plan.ids, count);
  const offsets = new Uint32Array(to.buffer, sectionAt(plan, 'offsets'), lists + 1);
  const rows = new Uint32Array(to.buffer, sectionAt(plan, 'rows'), count);
  offsets.fill(0);
  for (const id of ids) offsets[id + 1] = (offsets[id + 1] as number) + 1;
  for (let i = 0; i < lists; i++) offsets[i + 1] = (offsets[i + 1] as number) + (offsets[i] as number);
  const next = offsets.slice();
  ids.forEach((id, row) => {
    const at = next[id] as number;
    rows[at] = row;
    next[id] = at + 1;
  });
}

/** Rows [begin, end) of a list, counted within the list. */
export interface ListPart {
  readonly list: number;
  readonly begin: number;
  readonly end: number;
}

/** Pieces of at most `most` rows (a multiple of 32): whole lists together, and lists that are longer alone. */
export function piecesOf(offsets: Uint32Array, most: number): ListPart[][] {
  const pieces: ListPart[][] = [];
  let piece: ListPart[] = [];
  let size = 0;
  for (let list = 0; list + 1 < offsets.length; list++) {
    const rows = (offsets[list + 1] as number) - (offsets[list] as number);
    for (let begin = 0; begin < rows; begin += most) {
      const end = Math.min(rows, begin + most);
      if (size + end - begin > most) {
        pieces.push(piece);
        piece = [];
        size = 0;
      }
      piece.push({ list, begin, end });
      size += end - begin;
    }
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}

export interface IvfResidualsInput {
  readonly plan: IvfBuildPlan;
  readonly rows: Uint32Array;
  readonly stride: number;
  /** Byte offset in the third region. */
  readonly out: number;
}

/** What is left of sample rows beside the centroids of their lists: `stride` floats each, zeros past dim. */
export function ivfResiduals({ plan, rows, stride, out }: IvfResidualsInput, context: Context): void {
  const [from, to] = memoriesOf(context);
  const target = context.memories[2] as WebAssembly.Memory;
  const ids = new Uint32Array(to.buffer, plan.ids, plan.layout.count);
  const residuals = new Residuals(plan, from, to);
  const floats = new Float32Array(target.buffer, out, rows.length * stride);
  rows.forEach((row, i) => {
    residuals.read(row, ids[row] as number, floats, i * stride);
  });
}

export class Residuals {
  readonly #reader: SourceReader;
  readonly #panels: Float32Array;
  readonly #dim: number;
  /** The centroid that was read last. */
  readonly centroid: Float32Array;
  #list = -1;

  constructor(plan: IvfBuildPlan, from: WebAssembly.Memory, to: WebAssembly.Memory) {
    const { dim, lists } = plan.layout;
    this.#dim = dim;
    this.#reader = readerOf(plan, from, to);
    this.#panels = new Float32Array(to.buffer, sectionAt(plan, 'centroids'), panelFloats(lists, dim));
    this.centroid = new Float32Array(dim);
  }

  read(row: number, list: number, out: Float32Array, at: number): void {
    const dim = this.#dim;
    if (list !== this.#list) fromPanels(this.#panels, dim, list, this.centroid);
    this.#list = list;
    this.#reader.read(row, out, at);
    for (let d = 0; d < dim; d++) out[at + d] = (out[at + d] as number) - (this.centroid[d] as number);
  }
}

function readerOf(plan: IvfBuildPlan, from: WebAssembly.Memory, to: WebAssembly.Memory): SourceReader {
  const { dim, hasMean } = plan.layout;
  return new SourceReader(
    plan.source,
    from,
    hasMean ? new Float32Array(to.buffer, sectionAt(plan, 'mean'), dim) : undefined,
  );
}

/** Where the rows of a part lie: their numbers, and the place of their codes (which blocks of 32 may pad). */
export function placesOf(
  plan: IvfBuildPlan,
  memory: WebAssembly.Memory,
): (part: ListPart) => { rows: Uint32Array; first: number; block: number } {
  const { lists, count } = plan.layout;
  const offsets = new Uint32Array(memory.buffer, sectionAt(plan, 'offsets'), lists + 1);
  const rows = new Uint32Array(memory.buffer, sectionAt(plan, 'rows'), count);
  const blocks = blocksOf(offsets.slice());
  return ({ list, begin, end }) => {
    const from = offsets[list] as number;
    return {
      rows: rows.subarray(from + begin, from + end),
      first: from + begin,
      block: (blocks[list] as number) + begin / BLOCK_ROWS,
    };
  };
}
