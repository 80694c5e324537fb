// A vector index over one field of a loaded segment: its own region beside the vectors', held while searches read it. A search in it
// answers what an exact search would, but for the recall.
import { assert } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { elementTypes, vectorBytes } from '#index/block/element-type.js';
import { COPIES_SECTION } from '#index/block/index-block.js';
import { indexQueryMicros } from '#index/block/search-cost.js';
import type {
  ExactVectors,
  IndexPlacement,
  IndexSearchInput,
  IndexSearchOutput,
} from '#index/block/vector-index.js';
import { WalkHistory } from '#index/block/walk-history.js';
import { planFarWalk, planWalk, type WalkPlan, walkedBytes } from '#index/block/walk-plan.js';
import { entriesBytes } from '#index/graph/nodes/known-entries.js';
import { bitsByNode, countingNodes, hasNodeOrder } from '#index/graph/nodes/node-bits.js';
import { CODES_SEARCH_TASK, learnedLevels, type SearchableIndex } from '#index/vector-indexes.js';
import type { LearnedLevels } from '#model/params/learned-levels.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { KeepsOfSearches } from './excluded-rows.js';
import { emptyHits, type SegmentHits } from './segment-hits.js';
import { settled } from './settled.js';

/** The vectors of a field, which stay while a task reads them. */
export interface HeldVectors {
  readonly region: SharedRegion;
  readonly store: { readonly place: ExactVectors; readonly vectorBytes: number };
  hold<T>(task: () => Promise<T>): Promise<T>;
}

/** Computing that is worth a task of its own, and what a query is taken to need where nothing is known. */
const TASK_MICROS_MIN = 400;
/** The most of one task: others that wait for the thread get their turn then. */
const TASK_MICROS_MAX = 20_000;
const UNKNOWN_MICROS = 100;
/** Says that there are bits, to whoever only estimates. */
const NO_BITS = new Uint8Array(0);

export interface IndexedSearch
  extends Pick<IndexSearchInput, 'queries' | 'k' | 'params' | 'radius' | 'rangeFilter' | 'isFar'> {
  /** Bit set: the row does not count. Undefined: all count. */
  readonly excluded?: Uint8Array;
  /** Rows that count. */
  readonly passing: number;
  /** Those rows, where a filter named few; only for an index without vectors. */
  readonly rows?: Uint32Array;
  /** Those rows, for whoever scores them one by one; undefined: there are too many to be kept in a list. */
  readonly listRows?: () => Uint32Array | undefined;
  /** Where what is kept of searches among those rows has room, and is accounted for; undefined: nothing is kept. */
  readonly keeper?: KeepsOfSearches;
}

/** What a task gets; without vectors the index answers by its codes. */
type TaskInput = Omit<IndexSearchInput, 'vectors'> & Partial<Pick<IndexSearchInput, 'vectors'>>;

/** In the order of the nodes of a graph. */
type ByNode = Pick<IndexSearchInput, 'excludedNodes' | 'countingNodes'>;

/** What is known of bits that were searched by. */
interface SearchedBits {
  readonly walks: WalkHistory;
  /** Undefined until they are searched by again. */
  byNode?: ByNode;
  /** Whether a walk had to begin far from its query. */
  hasGoneFar?: boolean;
}

export class SegmentIndex {
  /** Key of the object it was loaded from. */
  readonly key: string;
  readonly indexType: string;
  readonly metric: string;
  readonly bytes: number;
  /** What levels of AUTOINDEX need in it, where its build has learned that. */
  readonly levels: LearnedLevels | undefined;
  readonly #index: SearchableIndex<SharedRegion>;
  readonly #workers: Workers;
  /** Bits are never written to: what was made of them stays right. */
  readonly #searchedBy = new WeakMap<Uint8Array, SearchedBits>();
  #searches = 0;
  #isReleased = false;

  constructor(workers: Workers, index: SearchableIndex<SharedRegion>, key: string) {
    this.key = key;
    this.#workers = workers;
    this.#index = index;
    this.indexType = index.placement.indexType;
    this.metric = index.placement.metric;
    this.bytes = index.bytes;
    this.levels = learnedLevels(index);
  }

  get rowCount(): number {
    return this.#index.placement.rowCount;
  }

  /** Number of lists of an index that has some, else 1. */
  get listCount(): number {
    return Number(this.#index.placement.params.nlist ?? 1);
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** @param vectors undefined: the index answers by its codes, and whoever searches holds its region */
  async search(
    vectors: HeldVectors | undefined,
    search: IndexedSearch,
    signal?: AbortSignal,
  ): Promise<SegmentHits> {
    assert(!this.#isReleased, 'the index was released');
    const { excluded, passing } = search;
    const asked = this.#asked(vectors, search);
    const input: TaskInput =
      excluded !== undefined && passing < this.rowCount
        ? { ...asked, ...this.#filtered(excluded, search) }
        : asked;
    this.#searches++;
    try {
      const regions = vectors === undefined ? [this.#index.region] : [vectors.region, this.#index.region];
      const width = this.#vectorBytes;
      const queries = search.queries.byteLength / width;
      const micros = indexQueryMicros(this.#index.task, input);
      const tasks = this.#taskCount(queries, micros);
      const perTask = Math.ceil(queries / tasks);
      const run = (first: number): Promise<IndexSearchOutput> => {
        const end = Math.min(queries, first + perTask);
        // A task gets its own queries only, not a view of all.
        const part =
          tasks === 1
            ? input
            : { ...input, queries: bytesView(search.queries).slice(first * width, end * width) };
        const estimate = micros === undefined ? undefined : micros * (end - first);
        return this.#workers.run<IndexSearchOutput>(this.#index.task, part, regions, signal, estimate);
      };
      const parts =
        tasks === 1
          ? [await (vectors === undefined ? run(0) : vectors.hold(() => run(0)))]
          : await this.#runParts(vectors, Math.ceil(queries / perTask), (task) => run(task * perTask));
      // Walks of far queries say nothing of others.
      if (excluded !== undefined && input.isWalkSkipped !== true && search.isFar !== true)
        this.#noteWalks(excluded, parts, queries);
      return joined(parts, search.k);
    } finally {
      this.#searches--;
      this.#giveBack();
    }
  }

  /** Field by field: what is left of an object that is taken apart is made property by property, for each search. */
  #asked(vectors: HeldVectors | undefined, search: IndexedSearch): TaskInput {
    const { queries, k, params, radius, rangeFilter, rows, isFar } = search;
    const asked: { -readonly [Part in keyof TaskInput]: TaskInput[Part] } = {
      index: this.#index.placement,
      queries,
      k,
      params,
    };
    if (vectors !== undefined) asked.vectors = vectors.store.place;
    if (radius !== undefined) asked.radius = radius;
    if (rangeFilter !== undefined) asked.rangeFilter = rangeFilter;
    if (rows !== undefined) asked.rows = rows;
    if (isFar !== undefined) asked.isFar = isFar;
    return asked;
  }

  #runParts(
    vectors: HeldVectors | undefined,
    count: number,
    run: (task: number) => Promise<IndexSearchOutput>,
  ): Promise<IndexSearchOutput[]> {
    const jobs = Array.from({ length: count }, (_, task) => () => run(task));
    const runAll = (): Promise<IndexSearchOutput[]> => settled(jobs, this.#workers.parallelism);
    return vectors === undefined ? runAll() : vectors.hold(runAll);
  }

  /** Bits that are searched by a second time are kept in the order of the graph's nodes, too, as long as they are. */
  #filtered(
    excluded: Uint8Array,
    { passing, listRows, keeper }: IndexedSearch,
  ): ByNode & Pick<IndexSearchInput, 'excluded' | 'passing' | 'isWalkSkipped' | 'rows' | 'knownEntries'> {
    const { placement, region } = this.#index;
    if (!hasNodeOrder(placement)) return { excluded, passing };
    const known = this.#searchedBy.get(excluded);
    if (known === undefined) {
      this.#searchedBy.set(excluded, { walks: new WalkHistory() });
      return { excluded, passing };
    }
    known.byNode ??= byNodeOf(region.memory, placement, excluded, passing);
    const byNode = { excluded, ...known.byNode, passing };
    if (!known.walks.skipsWalk()) {
      const words = known.hasGoneFar === true ? keeper?.wordsFor(this, this.#entriesBytes) : undefined;
      return words === undefined ? byNode : { ...byNode, knownEntries: words };
    }
    const rows = listRows?.();
    return { ...byNode, isWalkSkipped: true, ...(rows && { rows }) };
  }

  #noteWalks(excluded: Uint8Array, parts: readonly IndexSearchOutput[], queries: number): void {
    let givenUp = 0;
    let wentFar = 0;
    for (const part of parts) {
      givenUp += part.givenUp ?? 0;
      wentFar += part.wentFar ?? 0;
    }
    const known = this.#searchedBy.get(excluded);
    known?.walks.note(queries, givenUp);
    if (known !== undefined && wentFar > 0) known.hasGoneFar = true;
  }

  get #entriesBytes(): number {
    return entriesBytes(Number(this.#index.placement.params.nodes ?? this.rowCount));
  }

  /** Queries of one request are split over the threads when there is enough to do for each. */
  #taskCount(queries: number, micros = UNKNOWN_MICROS): number {
    const useful = Math.min(this.#workers.parallelism, Math.floor((queries * micros) / TASK_MICROS_MIN));
    return Math.max(1, Math.min(Math.max(useful, Math.ceil((queries * micros) / TASK_MICROS_MAX)), queries));
  }

  /** How a graph is searched when so many rows count. @param k hits that are asked for; undefined: as many as `ef` @param isFar as in the search */
  planOf(passing: number, ef: number, k = ef, isFar = false): WalkPlan {
    const { dim, params, rowCount, sections } = this.#index.placement;
    const distinct = Number(params.nodes ?? rowCount);
    const copies = (sections[COPIES_SECTION]?.bytes ?? 0) >> 2;
    const stride = Number(params.codeStride ?? dim);
    const codeBytes = walkedBytes(stride, dim);
    const scoredBytes = this.#index.task === CODES_SEARCH_TASK ? stride : this.#vectorBytes;
    return (isFar ? planFarWalk : planWalk)({
      nodes: distinct + copies,
      ...(copies > 0 && { distinct }),
      passing,
      ef,
      k,
      vectorBytes: scoredBytes,
      codeBytes,
      readsRecords: this.#index.task === 'qgSearch',
    });
  }

  /** Microseconds of a query in lists when so many rows count; undefined: it is no index of lists. */
  probeMicros(passing: number, k: number, params: IndexSearchInput['params']): number | undefined {
    const { placement, task } = this.#index;
    if (task !== 'ivfSearch') return undefined;
    return indexQueryMicros(task, { index: placement, k, params, excluded: NO_BITS, passing });
  }

  get #vectorBytes(): number {
    const { dim, elementType } = this.#index.placement;
    return vectorBytes(elementTypes.find((type) => type === elementType) ?? 'float32', dim);
  }

  /** Gives its memory back, as soon as running searches end. */
  release(): void {
    this.#isReleased = true;
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#isReleased && this.#searches === 0) this.#workers.release(this.#index.region);
  }
}

function byNodeOf(
  memory: WebAssembly.Memory,
  placement: IndexPlacement,
  excluded: Uint8Array,
  passing: number,
): ByNode {
  const excludedNodes = bitsByNode(memory, placement, excluded);
  const nodes = countingNodes(placement, excludedNodes, passing);
  return { excludedNodes, ...(nodes && { countingNodes: nodes }) };
}

/** From hits one query after the other, of ascending parts of the queries, to hits of each query at its multiple of k. */
function joined(parts: readonly IndexSearchOutput[], k: number): SegmentHits {
  const [only] = parts;
  // The hits of one query lie where they belong already.
  if (only !== undefined && parts.length === 1 && only.counts.length === 1) {
    const { counts, rows, scores, computed = 0, givenUp = 0 } = only;
    const hits = { queryCount: 1, k, counts, rows, scores };
    return computed === 0 && givenUp === 0 ? hits : { ...hits, computed, givenUp };
  }
  const queryCount = parts.reduce((sum, { counts }) => sum + counts.length, 0);
  const hits = emptyHits(queryCount, k);
  let query = 0;
  for (const { counts, rows, scores } of parts) {
    let at = 0;
    for (const count of counts) {
      hits.counts[query] = count;
      hits.rows.set(rows.subarray(at, at + count), query * k);
      hits.scores.set(scores.subarray(at, at + count), query * k);
      at += count;
      query++;
    }
  }
  const computed = parts.reduce((sum, part) => sum + (part.computed ?? 0), 0);
  const givenUp = parts.reduce((sum, part) => sum + (part.givenUp ?? 0), 0);
  return computed === 0 && givenUp === 0 ? hits : { ...hits, computed, givenUp };
}
