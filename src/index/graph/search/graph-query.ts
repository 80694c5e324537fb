// One search in a graph index: a walk by codes, then scores of what it found. Where not every row counts the walk goes over those that do,
// and where few do they are scored one by one.
import { assertNever, must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { countingRows } from '#index/block/counting-rows.js';
import { type MemoryViews, viewsOf } from '#index/block/memory-views.js';
import { writeFloats } from '#index/block/vector-floats.js';
import type { IndexSearchInput } from '#index/block/vector-index.js';
import {
  filteredWalk,
  planFarWalk,
  planWalk,
  type WalkPlan,
  type WalkQuestion,
  WORK_MICROS,
  walkCosts,
  walkedBytes,
} from '#index/block/walk-plan.js';
import type { Hits, RowScores } from '#index/flat/row-scores.js';
import {
  encodeQuery,
  IN_QUESTION,
  keptBeside,
  keySlack,
  rescored,
  useCodes,
} from '#index/graph/codes/graph-codes.js';
import type { GraphKernel } from '#index/graph/codes/graph-kernel.js';
import { excludedBytes, GRAPH_POOL_MAX } from '#index/graph/nodes/graph-layout.js';
import { placeNodeBits, placeRowBits } from '#index/graph/nodes/placed-bits.js';
import { scoredByCodes } from './code-scores.js';
import { type GraphPlace, graphPlaceOf } from './graph-place.js';
import type { Column, CountingWalk, GraphWalks } from './graph-walks.js';
import { hitsInRange } from './hits-in-range.js';
import { walkByRegion } from './region-walk.js';

/** What a search is asked, without the vectors, which not every search has. */
export type GraphSearchInput = Omit<IndexSearchInput, 'vectors'>;

/** In place of how many nodes were found: rows that count are to be scored one by one. */
const SCORED_BY_ROW = -1;
/** More of 256 nodes than there are. */
const ALWAYS_FAR = 257;
/** Work that no walk comes to. */
const UNBOUNDED = 2 ** 30;

export class GraphQuery {
  readonly #input: GraphSearchInput;
  readonly #place: GraphPlace;
  readonly #kernel: GraphKernel;
  readonly #views: MemoryViews;
  readonly #queries: Uint8Array;
  readonly #plan: WalkPlan;
  readonly #walks: GraphWalks;
  readonly #scores: RowScores;
  /** Address of the query that codes are compared with. */
  readonly #query: number;
  readonly #passing: number;
  /** Nodes, and copies of their rows. */
  readonly #members: number;
  /** Rows scored by the plan `exact`. */
  #passingRows: Uint32Array | undefined;
  #excluded = 0;
  /** Walks that ended without an answer, so that a scan took over. */
  givenUp = 0;
  /** Walks that had to begin far from their query. */
  wentFar = 0;
  /** Work among rows that count, in microseconds by the costs of plans. */
  spentMicros = 0;
  /** See `keySlack`; of the query that is run. */
  #slack = 0;
  /** Where the last walk left what it found: 1 the results, 0 the pool. */
  #from = 0;

  constructor(
    input: GraphSearchInput,
    memory: WebAssembly.Memory,
    thread: number,
    walksOf: (place: GraphPlace) => GraphWalks,
    scoresOf: (place: GraphPlace, query: number) => RowScores,
  ) {
    const place = graphPlaceOf(input.index, memory, thread);
    const { index, params, kernel, form, isIp, copies } = place;
    this.#input = input;
    this.#place = place;
    this.#kernel = kernel;
    this.#queries = input.queries instanceof Uint8Array ? input.queries : bytesView(input.queries);
    this.#views = viewsOf(memory);
    kernel.useRows(place.rows);
    this.#walks = walksOf(place);
    const { codes, upperCodes, links, own } = this.#walks;
    const query = own?.query ?? place.at + place.work.query;
    this.#query = query;
    if (own === undefined) useCodes(kernel, form, isIp, index.dim, codes.offset, codes.stride);
    else own.use();
    if (upperCodes !== undefined) kernel.useUpperCodes(upperCodes.offset, upperCodes.stride);
    this.#scores = scoresOf(place, query);
    this.#useGraphAndThread(links);
    const members = params.nodes + (copies?.count ?? 0);
    this.#members = members;
    this.#passing = Math.min(members, input.excluded === undefined ? members : (input.passing ?? members));
    this.#plan = this.#planFor();
    if (this.#plan === 'walk') return;
    if (this.#plan === 'exact') this.#passingRows = this.#isOfFirsts ? this.#firsts : this.#rowsThatCount;
    // A growing graph is walked by bits also where all rows count.
    else this.#copyExcluded(input.excluded ?? new Uint8Array(0));
  }

  #useGraphAndThread(links: Column): void {
    const { params, at, work, upper, upperOf, header } = this.#place;
    const { nodes, degree } = params;
    const kernel = this.#kernel;
    kernel.useGraph(nodes, degree, links.offset, links.stride, upper, upperOf, header);
    const { visited, pool, results, scratch } = work;
    kernel.useThread(at + visited, at + pool, at + results, GRAPH_POOL_MAX, at + scratch, kernel.lastEpoch());
  }

  #question(ef: number): WalkQuestion {
    const { isGrowing, nodes } = this.#place.params;
    const { rowCount } = this.#place.index;
    const copies = this.#place.copies?.count ?? 0;
    return {
      nodes: isGrowing ? rowCount : this.#members,
      ...(copies > 0 && { distinct: isGrowing ? Math.max(1, rowCount - copies) : nodes }),
      passing: this.#passing,
      ef,
      k: this.#isRange ? ef : this.#input.k,
      vectorBytes: this.#scores.rowBytes,
      codeBytes: walkedBytes(this.#walks.codes.stride, this.#place.index.dim),
      readsRecords: this.#walks.hasFloatResults === true,
    };
  }

  #planFor(): WalkPlan {
    const plan = (this.#input.isFar === true ? planFarWalk : planWalk)(this.#question(this.#ef));
    if (!this.#place.params.isGrowing || !this.#isWhole) return plan;
    // Rows newer than the search may be in a growing graph already: only what looks at bits keeps them out.
    return plan === 'walk' ? 'filtered walk' : 'scan';
  }

  get #isWhole(): boolean {
    return this.#passing >= this.#question(this.#ef).nodes;
  }

  /** All rows count, and the first of equal ones speak for the others. */
  get #isOfFirsts(): boolean {
    return this.#plan === 'exact' && this.#isWhole;
  }

  get #firsts(): Uint32Array {
    const { index, memory, params } = this.#place;
    const { offset } = must(index.sections.rows, 'section rows');
    return new Uint32Array(memory.buffer, offset, params.nodes);
  }

  get #isRange(): boolean {
    return this.#input.radius !== undefined || this.#input.rangeFilter !== undefined;
  }

  /** Whether it says itself how many rows are worth a score. */
  get #isAsked(): boolean {
    return this.#input.params.refineK !== undefined;
  }

  get #ef(): number {
    const asked = Number(this.#input.params.ef ?? 0);
    return Math.min(GRAPH_POOL_MAX, Math.max(asked, this.#input.k, 1));
  }

  #copyExcluded(excluded: Uint8Array): void {
    this.#excluded = this.#place.at + this.#place.work.excluded;
    const { excludedNodes } = this.#input;
    this.#kernel.useNodeBits(excludedNodes === undefined ? 0 : 1);
    const { nodes, rowRoom } = this.#place.params;
    const bytes = excludedBytes(Math.max(nodes, rowRoom, this.#place.index.rowCount));
    const room = { memory: this.#place.memory, at: this.#excluded, bytes };
    if (excludedNodes === undefined) placeRowBits(room, excluded, this.#place.copies);
    else placeNodeBits(room, excludedNodes);
  }

  run(query: number, rows: Uint32Array, scores: Float32Array, at: number): number {
    const { index, work, frame, form, memory, queryBytes } = this.#place;
    const { dim, elementType } = index;
    const [raw, framed] = [this.#place.at + work.raw, this.#place.at + work.framed];
    const { own } = this.#walks;
    const { k, rangeFilter } = this.#input;
    const isOnly = this.#queries.length === queryBytes;
    const bytes = isOnly
      ? this.#queries
      : this.#queries.subarray(query * queryBytes, (query + 1) * queryBytes);
    const { isByCodes } = this.#scores;
    if (!isByCodes) this.#scores.useQuery(bytes);
    if (this.#passingRows !== undefined && !isByCodes)
      return this.#scanRows(this.#passingRows, rows, scores, at);
    if (elementType === 'float32') this.#views.bytes.set(bytes, raw);
    else writeFloats(elementType, bytes, new Float32Array(memory.buffer, raw, dim));
    this.#kernel.toFrame(raw, dim, frame.mean, frame.signs, frame.isUnit ? 1 : 0, framed);
    const scale = own ? 1 : encodeQuery(memory, form, frame, framed, this.#query);
    this.#walks.prepare(scale);
    if (isByCodes) this.#scores.useQuery(bytes);
    else if (!own) this.#slack = keySlack(memory, form, frame, framed, scale);
    if (this.#passingRows !== undefined) return this.#scanRows(this.#passingRows, rows, scores, at);
    const isRange = this.#isRange;
    for (let ef = this.#ef; ; ef = Math.min(ef * 2, GRAPH_POOL_MAX)) {
      const found = this.#walk(ef, isRange ? ef : k);
      if (found < 0) return this.#scanRows(this.#rowsThatCount, rows, scores, at);
      const scored = this.#score(found, isRange ? found : k);
      const { hits, isPast } = isRange
        ? hitsInRange(scored, this.#place.metric, this.#input)
        : { hits: scored, isPast: true };
      // A range may begin behind the nearest ef rows: look farther until it is filled, passed, or nothing is left. Of a ring the k-th hit
      // has to be in the nearer half of the found: the farther ones are those that were easy to find.
      const enough = k + (rangeFilter === undefined ? 0 : found / 2);
      if (isPast || hits.rows.length >= enough || found < ef || ef >= GRAPH_POOL_MAX) {
        // A walk can end before it has k rows: parts of the graph may be out of its reach. All rows are looked at instead.
        if (!isRange && hits.rows.length < Math.min(k, this.#passing)) return this.#scanAll(rows, scores, at);
        // A view costs more than what it leaves out, which nearly always is nothing.
        const isAll = hits.rows.length <= k;
        rows.set(isAll ? hits.rows : hits.rows.subarray(0, k), at);
        scores.set(isAll ? hits.scores : hits.scores.subarray(0, k), at);
        return Math.min(k, hits.rows.length);
      }
    }
  }

  #walk(ef: number, wanted: number): number {
    switch (this.#plan) {
      case 'walk': {
        const kept = keptBeside(ef, this.#worth(wanted), this.#place.form, this.#isAsked);
        const { isResults, count } = this.#walks.walk(ef, wanted, Math.min(kept, GRAPH_POOL_MAX));
        return this.#take(isResults ? 1 : 0, count);
      }
      case 'exact':
        return 0; // Never walked, see `run`.
      case 'scan':
        return this.#scanned(ef);
      case 'filtered walk':
        return this.#walkCounting(ef);
      default:
        return assertNever(this.#plan);
    }
  }

  /** A walk over rows that count; where it costs more than it may, or they are far and soon scanned, a scan takes its place. */
  #walkCounting(ef: number): number {
    // All rows count: what is promised of filters would only leave the answer to codes.
    const isWhole = this.#isWhole;
    if (isWhole || this.#input.isWalkSkipped !== true) {
      const { nodes, isGrowing, upperNodes } = this.#place.params;
      const isFar = this.#input.isFar === true;
      const asked = filteredWalk(this.#question(ef));
      const count = this.#walkAmong({
        ...(this.#isRange ? { ...asked, narrow: ef, far: Math.max(ef, asked.far) } : asked),
        excluded: this.#excluded,
        // In a graph that grows some nodes are not there yet.
        ...(isGrowing && { farBelow: 0 }),
        ...(isWhole && { budget: UNBOUNDED, settledWithin: 0 }),
        ...(isFar && { far: ef, farBelow: ALWAYS_FAR }),
        sampled: asked.goesFar || isFar ? Math.min(nodes, upperNodes) : 0,
      });
      this.spentMicros += this.#kernel.workDone() * WORK_MICROS;
      if (count >= 0) return this.#take(this.#walks.hasFloatResults === true ? 1 : 0, count);
    }
    this.givenUp++;
    return this.#isExactCheaper ? SCORED_BY_ROW : this.#scanned(ef);
  }

  /** Where earlier walks for queries nearby had to begin far away, where they ended; see `KnownEntries`. */
  #walkAmong(walk: CountingWalk): number {
    const { byRegion } = this.#walks;
    const { knownEntries: words, isFar = false } = this.#input;
    if (byRegion === undefined || this.#isRange || this.#isWhole || isFar)
      return this.#walks.walkCounting(walk);
    if (words === undefined) {
      const count = this.#walks.walkCounting(walk);
      if (count > 0 && byRegion.hasGoneFar()) this.wentFar++;
      return count;
    }
    const { at, work } = this.#place;
    // Rows are put there when the walk has ended.
    const room = { words: this.#views.words, pool: at + work.pool, entries: at + work.rows };
    return walkByRegion(byRegion, walk, words, room);
  }

  get #isExactCheaper(): boolean {
    const { exact, scan } = walkCosts(this.#question(this.#ef));
    return exact <= scan;
  }

  get #rowsThatCount(): Uint32Array {
    const { excluded, rows } = this.#input;
    const { rowCount } = this.#place.index;
    if (rows !== undefined) return rows;
    return excluded === undefined
      ? Uint32Array.from({ length: rowCount }, (_, row) => row)
      : countingRows(excluded, rowCount, this.#passing);
  }

  /** Codes of far rows differ less than they err: as many are kept as are worth a score, however narrow a walk was asked for. */
  #scanned(ef: number): number {
    this.spentMicros += walkCosts(this.#question(ef)).scan;
    const kept = Math.min(GRAPH_POOL_MAX, Math.max(ef, this.#worth(this.#input.k)));
    const { countingNodes: nodes } = this.#input;
    if (nodes === undefined)
      return this.#take(0, this.#kernel.scanCounting(this.#query, kept, this.#excluded));
    // What a scan finds is in the pool: nothing else needs the room of results.
    const ids = this.#place.at + this.#place.work.results;
    this.#views.words.set(nodes, ids >>> 2);
    return this.#take(0, this.#kernel.scanListed(this.#query, kept, ids, nodes.length));
  }

  /** Puts the rows of what was found where they are scored. */
  #take(fromResults: number, count: number): number {
    this.#from = fromResults;
    this.#kernel.takeRows(fromResults, count, this.#place.at + this.#place.work.rows);
    return count;
  }

  #scanRows(ids: Uint32Array, rows: Uint32Array, scores: Float32Array, at: number): number {
    this.spentMicros += walkCosts(this.#question(this.#ef)).exact;
    const { k } = this.#input;
    const best = this.#scores.best(ids, k, this.#worth(k), this.#input);
    const hasFirsts = this.#scores.isByCodes || this.#isOfFirsts;
    const hits =
      hasFirsts && this.#place.copies ? this.#place.copies.expanded(best, k, this.#input.excluded) : best;
    rows.set(hits.rows, at);
    scores.set(hits.scores, at);
    return hits.rows.length;
  }

  #scanAll(rows: Uint32Array, scores: Float32Array, at: number): number {
    const { k, excluded } = this.#input;
    if (this.#excluded !== 0 && this.#isExactCheaper)
      return this.#scanRows(this.#rowsThatCount, rows, scores, at);
    const hits = this.#bestOfCounting(k) ?? this.#scores.bestOfAll?.(k, excluded) ?? this.#bestByKeys(k);
    rows.set(hits.rows, at);
    scores.set(hits.scores, at);
    return hits.rows.length;
  }

  /** By codes of the rows that count, which are fewer than all vectors. Undefined: all count, or some were not found. */
  #bestOfCounting(k: number): Hits | undefined {
    if (this.#excluded === 0) return undefined;
    const hits = this.#score(this.#scanned(k), k);
    return hits.rows.length < Math.min(k, this.#passing) ? undefined : hits;
  }

  #bestByKeys(k: number): Hits {
    this.#copyExcluded(this.#input.excluded ?? new Uint8Array(0));
    return this.#score(this.#scanned(Math.min(GRAPH_POOL_MAX, this.#worth(k))), k);
  }

  /** Scores of the found rows, the best `k` of them. */
  #score(found: number, k: number): Hits {
    const usual = Math.min(found, this.#worth(k));
    const count = this.#slack > 0 && !this.#isAsked ? this.#inQuestion(found, k, usual) : usual;
    const first = (this.#place.at + this.#place.work.rows) >>> 2;
    const hits = this.#scores.best(this.#views.words.subarray(first, first + count), k, count);
    if (this.#place.copies === undefined) return hits;
    return this.#place.copies.expanded(
      hits,
      this.#isRange ? Number.POSITIVE_INFINITY : k,
      this.#input.excluded,
    );
  }

  /** @param usual so many are scored of inner products in any case: what codes cut off errs by more than they know */
  #inQuestion(found: number, k: number, usual: number): number {
    const areFloats = this.#from === 1 && this.#walks.hasFloatResults === true ? 1 : 0;
    const { isIp } = this.#place.frame;
    const most = Math.min(found, usual * IN_QUESTION);
    const count = this.#kernel.worthScoring(this.#from, most, k, areFloats, this.#slack, isIp ? 0 : 1);
    return isIp ? Math.max(usual, count) : count;
  }

  /** How many rows, the nearest by their codes, are worth a score to have the best `k`. `refine_k` asks for more. */
  #worth(k: number): number {
    if (this.#scores.isByCodes) return scoredByCodes(k, this.#place.form, this.#place.metric);
    const share = this.#walks.own?.rescored(k) ?? rescored(k, this.#place.form);
    // The error of an inner product grows with the lengths, that of a distance with the distance.
    const usual = this.#place.metric === 'IP' ? 2 * share : share;
    return Math.max(usual, Math.ceil(k * Number(this.#input.params.refineK ?? 1)));
  }
}
