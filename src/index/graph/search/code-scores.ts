// Scores of rows by their codes alone, for an index whose vectors are not in memory: the metric between the query, which is not rounded,
// and the vector that the code says. The kernel's keys choose which rows are worth that, where there are many.
import { must } from '#base/assert.js';
import { isInRange, type MetricType } from '#index/block/metric.js';
import { TopScores } from '#index/block/top-scores.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { FLAT_K_MAX } from '#index/flat/flat-queries.js';
import type { Hits, RowScores, ScoreBounds } from '#index/flat/row-scores.js';
import { nearestByCode } from '#index/graph/codes/code-nearest.js';
import { decodeCode } from '#index/graph/codes/code-vectors.js';
import { type CodeForm, rescored } from '#index/graph/codes/graph-codes.js';
import { COPY_SECTIONS } from '#index/graph/nodes/copies-of-rows.js';
import { NIL } from '#index/graph/nodes/graph-layout.js';
import type { GraphPlace } from './graph-place.js';

/** Nodes whose keys are computed at a time. */
const PIECE_NODES = 4096;
/** Squared length of a coded vector of length 1 or 0 (cosine): below, it was 0. */
const UNIT_MIN = 0.25;

export class CodeScores implements RowScores {
  readonly isByCodes = true;
  readonly rowBytes: number;
  readonly #place: GraphPlace;
  /** Address of the query that codes are compared with. */
  readonly #coded: number;
  readonly #metric: MetricType;
  readonly #bytes: Uint8Array;
  readonly #codesAt: number;
  readonly #rows: Uint32Array | undefined;
  readonly #nodeOf: Uint32Array | undefined;
  readonly #hasCopies: boolean;
  readonly #query: Float32Array;
  readonly #vector: Float32Array;
  /** Cosine: what the frame took off vectors, as it is in the frame. Inner products are of vectors with it. */
  readonly #shift: Float32Array | undefined;

  constructor(place: GraphPlace, coded: number) {
    const { index, memory, params, metric } = place;
    const { nodes, codeStride, hasRows } = params;
    this.#place = place;
    this.#coded = coded;
    this.#metric = metric;
    this.rowBytes = codeStride;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#codesAt = sectionAt(index, 'codes');
    this.#rows = hasRows ? new Uint32Array(memory.buffer, sectionAt(index, 'rows'), nodes) : undefined;
    this.#nodeOf = hasRows
      ? new Uint32Array(memory.buffer, sectionAt(index, 'nodeOf'), index.rowCount)
      : undefined;
    this.#hasCopies = index.sections[COPY_SECTIONS.copies] !== undefined;
    this.#query = new Float32Array(index.dim);
    this.#vector = new Float32Array(index.dim);
    this.#shift = this.#metric === 'COSINE' ? this.#framedMean() : undefined;
  }

  /** From the frame of zeros, which is the mean taken off them. */
  #framedMean(): Float32Array {
    const { kernel, memory, frame, at, work } = this.#place;
    new Float32Array(memory.buffer, at + work.raw, frame.dim).fill(0);
    kernel.toFrame(at + work.raw, frame.dim, frame.mean, frame.signs, 0, at + work.framed);
    return new Float32Array(memory.buffer, at + work.framed, frame.dim).map((value) => 0 - value);
  }

  useQuery(): void {
    const { memory, at, work } = this.#place;
    const query = this.#query;
    query.set(new Float32Array(memory.buffer, at + work.framed, query.length));
    const shift = this.#shift;
    if (shift !== undefined)
      for (let i = 0; i < query.length; i++) query[i] = (query[i] as number) + (shift[i] as number);
  }

  /** The first of rows with one code, once; copies are the caller's to add. */
  best(rows: Uint32Array, k: number, worth: number, bounds?: ScoreBounds): Hits {
    const nodes = this.#nodesOf(rows);
    // A range may begin behind the nearest.
    if (bounds?.radius !== undefined || bounds?.rangeFilter !== undefined || nodes.length <= worth)
      return this.#bestOf(nodes, k, bounds);
    const { kernel, memory, at, work } = this.#place;
    // Nothing of a walk is needed any more.
    const places = { query: this.#coded, ids: at + work.pool, keys: at + work.results };
    let listed = 0;
    const nearest = nearestByCode(kernel, memory, places, worth, PIECE_NODES, (ids) => {
      const piece = nodes.subarray(listed, listed + ids.length);
      ids.set(piece);
      listed += piece.length;
      return piece.length;
    });
    return this.#bestOf(nearest, k);
  }

  #nodesOf(rows: Uint32Array): Uint32Array {
    if (this.#nodeOf === undefined) return rows;
    const nodes = new Uint32Array(rows.length);
    const met = this.#hasCopies ? new Set<number>() : undefined;
    let count = 0;
    for (let i = 0; i < rows.length; i++) {
      const node = this.#nodeOf[rows[i] as number] ?? NIL;
      if (node === NIL || met?.has(node)) continue;
      met?.add(node);
      nodes[count++] = node;
    }
    return nodes.subarray(0, count);
  }

  #bestOf(nodes: Uint32Array, k: number, bounds: ScoreBounds = {}): Hits {
    const { radius, rangeFilter } = bounds;
    const isLess = this.#metric === 'L2';
    const most = Math.min(k, nodes.length, FLAT_K_MAX);
    const top = new TopScores(most);
    for (const node of nodes) {
      const score = Math.fround(this.#score(node));
      if (!isInRange(this.#metric, score, radius, rangeFilter)) continue;
      top.offer(isLess ? 0 - score : score, this.#rows === undefined ? node : (this.#rows[node] as number));
    }
    const rows = new Uint32Array(top.size);
    const scores = new Float32Array(top.size);
    top.take(rows, scores, 0);
    return { rows, scores: isLess ? scores.map((score) => 0 - score) : scores };
  }

  #score(node: number): number {
    const { form, frame } = this.#place;
    const vector = this.#vector;
    decodeCode(form, frame.step, this.#bytes, this.#codesAt + node * this.rowBytes, vector);
    if (this.#metric === 'L2') return squaredDistance(this.#query, vector);
    return this.#shift === undefined
      ? product(this.#query, vector)
      : cosine(this.#query, vector, this.#shift);
  }
}

/**
 * How many rows, the nearest by their keys, are worth a score by their codes to have the best `k`: keys differ from these by how the query is rounded, which is coarse with 8 bits only, and with
 * cosine by the length of the decoded vector, too.
 */
export function scoredByCodes(k: number, form: CodeForm, metric: MetricType): number {
  if (metric === 'COSINE' && form.startsWith('SQ')) return rescored(k, form);
  return form === 'SQ8' ? k + 6 + (k >> 4) : k + 3;
}

const sectionAt = (index: IndexPlacement, name: string): number =>
  must(index.sections[name], `section ${name}`).offset;

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let [even, odd] = [0, 0];
  // Two sums do not wait for each other.
  for (let i = 0; i + 1 < a.length; i += 2) {
    const first = (a[i] as number) - (b[i] as number);
    const second = (a[i + 1] as number) - (b[i + 1] as number);
    even += first * first;
    odd += second * second;
  }
  const last = a.length % 2 === 0 ? 0 : (a[a.length - 1] as number) - (b[a.length - 1] as number);
  return even + odd + last * last;
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** @param query of length 1, or 0. @param vector without the mean */
function cosine(query: Float32Array, vector: Float32Array, mean: Float32Array): number {
  let dot = 0;
  let squares = 0;
  for (let i = 0; i < query.length; i++) {
    const value = (vector[i] as number) + (mean[i] as number);
    dot += (query[i] as number) * value;
    squares += value * value;
  }
  return squares < UNIT_MIN ? 0 : Math.min(1, Math.max(-1, dot / Math.sqrt(squares)));
}
