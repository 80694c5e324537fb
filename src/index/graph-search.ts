// Search in a graph index: a walk by codes, then exact scores of what it found. Which walk depends on how many rows count: few are
// scored one by one, some are reached by walking over them alone, many by an ordinary walk that keeps what counts.
import { must } from '#base/assert.js';
import { KEY_LOWEST, floatOf } from './flat-kernel.js';
import { type CodeForm, encodeQuery, type Frame, isCodeForm, useCodes } from './graph-codes.js';
import { type GraphKernel, graphKernel } from './graph-kernel.js';
import { GRAPH_POOL_MAX, type GraphParams, graphParams, REACH_MAX, type WorkLayout, workLayout } from './graph-layout.js';
import { isLargerBetter, type MetricType, compareScores, isInRange } from './metric.js';
import type { IndexPlacement, IndexSearchInput, IndexSearchOutput } from './vector-index.js';

export type WalkPlan = 'walk' | 'admitting' | 'two-hop' | 'scan';
/** Measured (docs/performance.md): below these shares of passing rows, the plan before is slower or finds less. */
export function planWalk(nodes: number, passing: number, ef: number): WalkPlan {
  if (passing >= nodes) return 'walk';
  if (passing <= Math.max(1000, 2 * ef) || passing < nodes * 0.04) return 'scan';
  return passing < nodes * 0.25 ? 'two-hop' : 'admitting';
}
interface Context {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread: number;
}
/** @throws data_corrupt when the block names codes that this version does not know */
export function graphSearch(input: IndexSearchInput, context: Context): IndexSearchOutput {
  const search = new GraphSearch(input, context);
  const queryCount = input.queries.length / input.index.dim;
  const counts = new Uint32Array(queryCount);
  const rows = new Uint32Array(queryCount * input.k);
  const scores = new Float32Array(queryCount * input.k);
  let total = 0;
  for (let i = 0; i < queryCount; i++) {
    const found = search.run(i, rows, scores, total);
    counts[i] = found;
    total += found;
  }
  return { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
}

class GraphSearch {
  readonly #input: IndexSearchInput;
  readonly #index: IndexPlacement;
  readonly #params: GraphParams;
  readonly #metric: MetricType;
  readonly #memory: WebAssembly.Memory;
  readonly #exact: WebAssembly.Memory;
  readonly #kernel: GraphKernel;
  readonly #exactKernel: GraphKernel;
  readonly #work: WorkLayout;
  readonly #at: number;
  readonly #form: CodeForm;
  readonly #frame: Frame;
  readonly #plan: WalkPlan;
  readonly #rowMap: number;
  /** Nodes that count, for the plan `scan`; addresses in the index's memory. */
  #listed = 0;
  #exactScratch: number;
  #excluded = 0;

  constructor(input: IndexSearchInput, context: Context) {
    const { index, vectors } = input;
    this.#input = input;
    this.#index = index;
    this.#params = graphParams(index);
    this.#metric = index.metric as MetricType;
    this.#exact = must(context.memories[0], 'memory of the vectors');
    this.#memory = must(context.memories[1], 'memory of the index');
    this.#kernel = graphKernel.on(this.#memory);
    this.#exactKernel = graphKernel.on(this.#exact);
    const { nodes, degree, form, codeStride, step, hasRows, isRotated } = this.#params;
    this.#form = isCodeForm(form) ? form : 'SQ8';
    this.#work = workLayout(nodes, index.dim, degree);
    this.#at = index.workOffset + index.workBytes * context.thread;
    const isIp = index.metric === 'IP';
    const place = (name: string): number => must(index.sections[name], `section ${name}`).offset;
    const isPlain = this.#form.startsWith('F') || this.#form === 'BF16';
    this.#frame = {
      ...{ dim: index.dim, isIp, isUnit: index.metric === 'COSINE', step },
      mean: isIp || isPlain ? 0 : place('frame'),
      signs: isRotated && !isPlain ? place('frame') + index.dim * 4 : 0,
    };
    this.#rowMap = hasRows ? place('rows') : 0;
    useCodes(this.#kernel, this.#form, isIp, index.dim, place('codes'), codeStride);
    this.#kernel.useGraph(nodes, degree, place('links'), place('upper'), place('upperOf'), place('header'));
    const { visited, pool, results, scratch } = this.#work;
    this.#kernel.useThread(
      ...([this.#at + visited, this.#at + pool, this.#at + results, GRAPH_POOL_MAX, this.#at + scratch] as const),
      this.#kernel.lastEpoch(),
    );
    useCodes(this.#exactKernel, 'FP32', this.#metric !== 'L2', index.dim, vectors.vectorsOffset, index.dim * 4);
    this.#exactKernel.useCodes(this.#metric === 'L2' ? 6 : 7, index.dim, vectors.vectorsOffset, index.dim * 4, 0);
    this.#exactScratch = 65536 + context.thread * 512 * 1024;
    const passing = input.excluded === undefined ? nodes : (input.passing ?? nodes);
    this.#plan = planWalk(nodes, passing, this.#ef);
    if (input.excluded !== undefined && passing < nodes) this.#copyExcluded(input.excluded);
  }
  get #ef(): number {
    const asked = Number(this.#input.params.ef ?? 0);
    return Math.min(GRAPH_POOL_MAX, Math.max(asked, this.#input.k, 1));
  }
  /** From rows to nodes; lists the nodes that count when they are few. */
  #copyExcluded(excluded: Uint8Array): void {
    const { nodes } = this.#params;
    const bits = new Uint8Array(this.#memory.buffer, this.#at + this.#work.excluded, Math.ceil(nodes / 8) + 8);
    const rowOf = this.#rowMap === 0 ? undefined : new Uint32Array(this.#memory.buffer, this.#rowMap, nodes);
    if (rowOf === undefined) {
      bits.fill(0);
      bits.set(excluded.subarray(0, Math.min(bits.length, excluded.length)));
    } else {
      bits.fill(0);
      for (let node = 0; node < nodes; node++) {
        const row = rowOf[node] as number;
        if (((excluded[row >> 3] ?? 0) & (1 << (row & 7))) !== 0) bits[node >> 3] = (bits[node >> 3] as number) | (1 << (node & 7));
      }
    }
    this.#excluded = this.#at + this.#work.excluded;
  }
  run(query: number, rows: Uint32Array, scores: Float32Array, at: number): number {
    const { dim } = this.#index;
    const { raw, framed, query: coded } = this.#work;
    const values = this.#input.queries.subarray(query * dim, (query + 1) * dim);
    new Float32Array(this.#memory.buffer, this.#at + raw, dim).set(values);
    this.#kernel.toFrame(
      ...([this.#at + raw, dim, this.#frame.mean, this.#frame.signs, this.#frame.isUnit ? 1 : 0, this.#at + framed] as const),
    );
    encodeQuery(this.#memory, this.#form, this.#frame, this.#at + framed, this.#at + coded);
    const { k, radius, rangeFilter } = this.#input;
    const isRange = radius !== undefined || rangeFilter !== undefined;
    for (let ef = this.#ef; ; ef = Math.min(ef * 2, GRAPH_POOL_MAX)) {
      const found = this.#walk(ef);
      const hits = this.#score(found, values, rows, scores, at, k);
      // A range may begin behind the nearest ef rows: look farther until it is filled, passed, or nothing is left.
      const isComplete = !isRange || hits >= k || found < ef || ef >= GRAPH_POOL_MAX || this.#isPast;
      if (isComplete) return hits;
    }
  }
  #isPast = false;
  #walk(ef: number): number {
    const query = this.#at + this.#work.query;
    const { nodes } = this.#params;
    switch (this.#plan) {
      case 'walk':
        return this.#take(0, this.#kernel.search(query, ef));
      case 'admitting':
        return this.#take(1, this.#kernel.searchAdmitting(query, ef, this.#excluded, nodes));
      case 'two-hop':
        return this.#take(0, this.#kernel.searchTwoHop(query, ef, this.#excluded, Math.min(REACH_MAX, this.#params.degree * 8)));
      case 'scan':
        return this.#scan(query, ef);
    }
  }
  #take(fromResults: number, count: number): number {
    this.#kernel.takeRows(fromResults, count, this.#rowMap, this.#at + this.#work.rows);
    return count;
  }
  /** Nodes that count, in groups that fit the scratch list. */
  #scan(query: number, ef: number): number {
    const { nodes } = this.#params;
    if (this.#listed === 0) this.#listed = 1;
    const bits = new Uint8Array(this.#memory.buffer, this.#excluded, Math.ceil(nodes / 8));
    const list = new Uint32Array(this.#memory.buffer, this.#at + this.#work.rows, GRAPH_POOL_MAX);
    let count = 0;
    for (let node = 0; node < nodes && count < GRAPH_POOL_MAX; node++) {
      if (((bits[node >> 3] as number) & (1 << (node & 7))) === 0) list[count++] = node;
    }
    return this.#take(0, this.#kernel.scoreNodes(query, ef, this.#at + this.#work.rows, count));
  }
  /** Exact scores of the found rows; the best k go to the output. */
  #score(found: number, query: Float32Array, rows: Uint32Array, scores: Float32Array, at: number, k: number): number {
    const { vectors, radius, rangeFilter } = this.#input;
    const buffer = this.#exact.buffer;
    const metric = this.#metric;
    const candidates = new Uint32Array(this.#memory.buffer, this.#at + this.#work.rows, found);
    const ids = this.#exactScratch;
    const queryAt = ids;
    const listAt = queryAt + query.length * 4 + 64;
    new Float32Array(buffer, queryAt, query.length).set(query);
    let norm = 1;
    if (metric === 'COSINE') {
      let sum = 0;
      for (const value of query) sum += value * value;
      norm = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    }
    const norms = metric === 'COSINE' ? new Float32Array(buffer, must(vectors.inverseNormsOffset, 'inverse norms'), this.#index.rowCount) : undefined;
    let hits = 0;
    this.#isPast = false;
    const PIECE = 8192;
    for (let begin = 0; begin < found; begin += PIECE) {
      const many = Math.min(PIECE, found - begin);
      new Uint32Array(buffer, listAt, many).set(candidates.subarray(begin, begin + many));
      const out = listAt + (PIECE + 16) * 4;
      this.#exactKernel.keysOfAll(queryAt, listAt, many, out);
      const keys = new Uint32Array(buffer, out, many);
      for (let i = 0; i < many; i++) {
        const row = candidates[begin + i] as number;
        let score = floatOf(keys[i] as number);
        if (metric !== 'L2') score = 0 - score;
        if (norms) score = Math.fround(Math.fround(score * (norms[row] as number)) * norm);
        if (!isInRange(metric, score, radius, rangeFilter)) {
          if (radius !== undefined && !isInRange(metric, score, radius, undefined)) this.#isPast = true;
          continue;
        }
        hits = insertHit(metric, row, score, rows, scores, at, hits, k);
      }
    }
    return hits;
  }
}
/** Keeps [at, at + k) best first, equal scores by row. @returns how many there are */
function insertHit(
  metric: MetricType,
  row: number,
  score: number,
  rows: Uint32Array,
  scores: Float32Array,
  at: number,
  count: number,
  k: number,
): number {
  const isBefore = (place: number): boolean => {
    const order = compareScores(metric, score, scores[place] as number);
    return order < 0 || (order === 0 && row < (rows[place] as number));
  };
  if (count === k && !isBefore(at + k - 1)) return count;
  let place = at + Math.min(count, k - 1);
  while (place > at && isBefore(place - 1)) {
    scores[place] = scores[place - 1] as number;
    rows[place] = rows[place - 1] as number;
    place--;
  }
  scores[place] = score;
  rows[place] = row;
  return Math.min(k, count + 1);
}
export { isLargerBetter, KEY_LOWEST };
