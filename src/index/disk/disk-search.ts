// Search in a disk index, as DiskANN does it (Subramanya et al. 2019): a walk that is led by the codes in memory and reads a record for
// each node it expands. The record brings the links and the exact vector, so exact scores cost no further reads. Reads are
// asynchronous, so the walk is on the calling thread: distances of a list are one call of a kernel.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { CandidatePool } from '#index/block/candidate-pool.js';
import { vectorBytes } from '#index/block/element-type.js';
import { isInRange, type MetricType } from '#index/block/metric.js';
import { NodeSet } from '#index/block/node-set.js';
import { writeFloats } from '#index/block/vector-floats.js';
import type {
  IndexRegion,
  IndexSearchInput,
  IndexSearchOutput,
  IndexWorkers,
} from '#index/block/vector-index.js';
import { encodeQuery, type Frame, isCodeForm } from '#index/graph/codes/graph-codes.js';
import { NIL } from '#index/graph/nodes/graph-layout.js';
import { bitsWithCopies } from '#index/graph/nodes/node-bits.js';
import { DiskFound, type Hit } from './disk-found.js';
import { type DiskIndex, sectionPlace } from './disk-index.js';
import { diskCorrupt, pageOf, recordAt } from './disk-layout.js';
import { type DiskScanInput, diskKernel } from './disk-scan.js';

/** Where pages come from. */
export interface DiskPages {
  /** A page with a right checksum: at once when it is in memory. It is not kept. @throws data_corrupt, object_not_found */
  page(number: number): Uint8Array | Promise<Uint8Array>;
  /** Lets other work have a turn. */
  yield(): Promise<void>;
}

export interface DiskSearchInput
  extends Pick<
    IndexSearchInput,
    'queries' | 'k' | 'params' | 'excluded' | 'passing' | 'radius' | 'rangeFilter'
  > {
  /** The rows that count, where a filter named them; they have vectors. */
  readonly rows?: Uint32Array;
}

/** Reads under way for one walk: the beam. */
const BEAM = 4;
const SEARCH_LIST_MAX = 32_768;
/** Below this share of rows that count, their codes are looked through; a walk would read mostly rows that do not count. */
const SCAN_SHARE = 0.3;
/** Codes that are looked at in order in a few times what a step of a walk takes, its page in memory. */
const SCANNED_NODES = 40;
/** Walks of one request at a time. */
const QUERIES_AT_ONCE = 8;
/** A range is passed when one in so many rows lies beyond it. */
const PAST_SHARE = 8;
/** Entries: some nodes, spread over the graph, of which a walk begins at the nearest. */
const ENTRIES_MAX = 1024;
const STARTS = 16;
/** Nodes expanded before other work gets a turn. */
const TURN_NODES = 256;
/** Queries of a request that are answered before other work gets a turn. */
const TURN_QUERIES = 4;

/** Empty sets left by walks that have ended. */
const spareSets: NodeSet[] = [];
const SPARE_SETS_MAX = 16;

export async function diskSearch<Region extends IndexRegion>(
  index: DiskIndex<Region>,
  pages: DiskPages,
  workers: IndexWorkers<Region>,
  input: DiskSearchInput,
  signal?: AbortSignal,
): Promise<IndexSearchOutput> {
  const { queries, k } = input;
  const bytes = bytesView(queries);
  const width = vectorBytes(index.elementType, index.placement.dim);
  const found: Hit[][] = new Array(bytes.length / width);
  const { region, placement } = index;
  const outOfReach = input.excluded && bitsWithCopies(region.memory, placement, input.excluded);
  const asked = { ...input, ...(outOfReach && { outOfReach }) };
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < found.length) {
      const query = next++;
      const one = new DiskQuery(
        index,
        pages,
        workers,
        asked,
        bytes.slice(query * width, (query + 1) * width),
        signal,
      );
      found[query] = (await one.run()).slice(0, k);
      // Walks whose pages are all in memory wait for nothing by themselves.
      if (query % TURN_QUERIES === TURN_QUERIES - 1) await pages.yield();
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: Math.min(QUERIES_AT_ONCE, found.length) }, lane),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  const all = found.flat();
  return {
    counts: Uint32Array.from(found, (hits) => hits.length),
    rows: Uint32Array.from(all, (hit) => hit.row),
    scores: Float32Array.from(all, (hit) => hit.score),
  };
}

interface AskedSearch extends DiskSearchInput {
  /** Bit set: neither the row of a node nor a copy of it counts. */
  readonly outOfReach?: Uint8Array;
}

class DiskQuery<Region extends IndexRegion> {
  readonly #index: DiskIndex<Region>;
  readonly #pages: DiskPages;
  readonly #workers: IndexWorkers<Region>;
  readonly #input: AskedSearch;
  readonly #bytes: Uint8Array;
  readonly #signal: AbortSignal | undefined;
  readonly #coded: Uint8Array;
  /** Rows that have a vector, and those of them that count. */
  readonly #members: number;
  readonly #passing: number;

  constructor(
    index: DiskIndex<Region>,
    pages: DiskPages,
    workers: IndexWorkers<Region>,
    input: AskedSearch,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ) {
    this.#index = index;
    this.#pages = pages;
    this.#workers = workers;
    this.#input = input;
    this.#bytes = bytes;
    this.#signal = signal;
    this.#coded = encoded(index, bytes);
    const members = index.params.nodes + (index.copies?.count ?? 0);
    this.#members = members;
    this.#passing = Math.min(members, input.excluded === undefined ? members : (input.passing ?? members));
  }

  async run(): Promise<Hit[]> {
    const { k, params, radius, rangeFilter } = this.#input;
    const passing = this.#passing;
    if (passing === 0 || k === 0) return [];
    const isRange = radius !== undefined || rangeFilter !== undefined;
    const asked = Math.max(Number(params.searchList ?? 0), k, 1);
    for (let size = Math.min(asked, SEARCH_LIST_MAX); ; size = Math.min(size * 2, SEARCH_LIST_MAX)) {
      const { hits, isAll } = await this.#nearest(size);
      if (!isRange) {
        const nearest = this.#withCopies(hits, k);
        // The nearest may all be rows that do not count.
        return nearest.length < Math.min(k, passing)
          ? this.#withCopies((await this.#scan(size)).hits, k)
          : nearest;
      }
      const metric = this.#index.placement.metric as MetricType;
      // What was read beyond the nearest `size` lies scattered: it says nothing about the distances in between.
      const reached = isAll ? hits : hits.slice(0, size);
      const within = this.#withCopies(
        reached.filter(({ score }) => isInRange(metric, score, radius, rangeFilter)),
        Number.POSITIVE_INFINITY,
      );
      // Codes order rows roughly: a few beyond the far end may have come before others within.
      const beyond = reached.filter(({ score }) => !isInRange(metric, score, radius)).length;
      const isPast = beyond * PAST_SHARE > reached.length;
      // A range may begin behind the nearest rows: look farther until it is filled, passed, or nothing is left.
      if (isPast || isAll || within.length >= k || size >= SEARCH_LIST_MAX) return within;
    }
  }

  async #nearest(size: number): Promise<{ hits: Hit[]; isAll: boolean }> {
    const { nodes } = this.#index.params;
    const passing = this.#passing;
    const members = this.#members;
    if (passing <= size || passing < members * SCAN_SHARE || this.#isOfFew(size)) return this.#scan(size);
    const hits = await this.#walk(Math.min(nodes, SEARCH_LIST_MAX, Math.ceil((size * members) / passing)));
    // A walk can end before it is full: parts of the graph may be out of its reach.
    return hits === undefined ? this.#scan(size) : { hits, isAll: false };
  }

  /**
   * Where many rows are equal, those that differ are often equally far from each other (words, labels), and no link leads nearer: where the codes
   * of all of them are looked at for about what a walk takes, they are.
   */
  #isOfFew(size: number): boolean {
    const { copies, params } = this.#index;
    return copies !== undefined && params.nodes <= size * SCANNED_NODES;
  }

  /** Reads the records of the rows that are nearest by their codes. */
  async #scan(size: number): Promise<{ hits: Hit[]; isAll: boolean }> {
    const { layout } = this.#index;
    const nodes = await this.#nearestByCode(size);
    const found = new DiskFound(this.#index.scoring, this.#bytes);
    // In the order of the file, so that a page is asked for once.
    nodes.sort();
    for (let begin = 0; begin < nodes.length; begin += TURN_NODES) {
      this.#checkSignal();
      const some = nodes.subarray(begin, begin + TURN_NODES);
      const pages = await Promise.all(Array.from(some, (node) => this.#pages.page(pageOf(layout, node))));
      for (const [i, node] of some.entries()) this.#take(node, pages[i] as Uint8Array, found);
      await this.#pages.yield();
    }
    return { hits: found.hits(), isAll: nodes.length < size || nodes.length >= this.#passing };
  }

  async #nearestByCode(size: number): Promise<Uint32Array> {
    const { placement, region, nodeOf } = this.#index;
    const { outOfReach: excluded, rows } = this.#input;
    if (rows !== undefined && rows.length <= size)
      return Uint32Array.from(new Set(Array.from(rows, (row) => nodeOf?.[row] ?? row)));
    const scan: DiskScanInput = {
      index: placement,
      query: this.#coded,
      count: size,
      ...(excluded && { excluded }),
    };
    return this.#workers.run<Uint32Array>('diskScan', scan, [region], this.#signal);
  }

  /**
   * Best first, with up to BEAM reads under way; whichever comes back is expanded at once.
   * @returns undefined when it met fewer than `size` nodes
   */
  async #walk(size: number): Promise<Hit[] | undefined> {
    const met = spareSets.pop() ?? new NodeSet();
    try {
      return await this.#walkWith(size, met);
    } finally {
      met.clear();
      if (met.isSmall && spareSets.length < SPARE_SETS_MAX) spareSets.push(met);
    }
  }

  async #walkWith(size: number, met: NodeSet): Promise<Hit[] | undefined> {
    const pool = new CandidatePool(size);
    const found = new DiskFound(this.#index.scoring, this.#bytes);
    this.#enter(pool, met);
    const arrived: { node: number; page: Uint8Array }[] = [];
    const failures: unknown[] = [];
    let wake = (): void => {};
    let reading = 0;
    let sinceTurn = 0;
    const expand = (node: number, page: Uint8Array): void => {
      this.#expand(node, page, pool, met);
      this.#take(node, page, found);
      sinceTurn++;
    };
    for (;;) {
      while (reading < BEAM && sinceTurn < TURN_NODES) {
        const node = pool.next();
        if (node === undefined) break;
        const page = this.#pages.page(pageOf(this.#index.layout, node));
        if (page instanceof Uint8Array) {
          expand(node, page);
          continue;
        }
        reading++;
        page.then(
          (bytes) => {
            arrived.push({ node, page: bytes });
            wake();
          },
          (error: unknown) => {
            failures.push(error);
            wake();
          },
        );
      }
      if (sinceTurn >= TURN_NODES) {
        sinceTurn = 0;
        await this.#pages.yield();
      } else if (reading === 0) break;
      else if (arrived.length === 0 && failures.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      this.#checkSignal();
      if (failures.length > 0) throw failures[0];
      for (const { node, page } of arrived.splice(0)) {
        reading--;
        expand(node, page);
      }
    }
    return pool.size < size ? undefined : found.hits();
  }

  #enter(pool: CandidatePool, met: NodeSet): void {
    const { nodes } = this.#index.params;
    const count = Math.min(nodes, ENTRIES_MAX, Math.max(STARTS, Math.ceil(Math.sqrt(nodes))));
    const ids = this.#ids(count);
    for (let i = 0; i < count; i++) ids[i] = Math.floor((i * nodes) / count);
    const nearest = new CandidatePool(Math.min(STARTS, pool.capacity));
    const keys = this.#keys(count);
    for (let i = 0; i < count; i++)
      if (!nearest.isFull(keys[i] as number)) nearest.offer(keys[i] as number, ids[i] as number);
    const starts = nearest.nodes();
    const startIds = this.#ids(starts.length);
    startIds.set(starts);
    const startKeys = this.#keys(starts.length);
    for (const [i, node] of starts.entries()) {
      met.add(node);
      pool.offer(startKeys[i] as number, node);
    }
  }

  #expand(node: number, page: Uint8Array, pool: CandidatePool, met: NodeSet): void {
    const { layout, params, what } = this.#index;
    const at = recordAt(layout, node);
    const links = new Uint32Array(page.buffer, page.byteOffset + at, layout.links);
    const ids = this.#ids(layout.links);
    let count = 0;
    for (let i = 0; i < links.length; i++) {
      const link = links[i] as number;
      if (link === NIL) break;
      if (link >= params.nodes)
        throw diskCorrupt(what, `node ${node} links to ${link}, expected less than ${params.nodes}`);
      if (met.add(link)) ids[count++] = link;
    }
    const keys = this.#keys(count);
    for (let i = 0; i < count; i++)
      if (!pool.isFull(keys[i] as number)) pool.offer(keys[i] as number, ids[i] as number);
  }

  #take(node: number, page: Uint8Array, found: DiskFound): void {
    const { layout, rows } = this.#index;
    const { outOfReach: excluded } = this.#input;
    const row = rows === undefined ? node : (rows[node] as number);
    if (excluded !== undefined && ((excluded[row >> 3] ?? 0) & (1 << (row & 7))) !== 0) return;
    const at = recordAt(layout, node) + layout.links * 4;
    found.add(row, page.subarray(at, at + layout.vectorBytes));
  }

  /** The best `k` of what was found and of its copies, those that count. */
  #withCopies(hits: Hit[], k: number): Hit[] {
    const { copies } = this.#index;
    if (copies === undefined) return hits;
    const { rows, scores } = copies.expanded(
      { rows: Uint32Array.from(hits, (hit) => hit.row), scores: Float32Array.from(hits, (hit) => hit.score) },
      k,
      this.#input.excluded,
    );
    return Array.from(rows, (row, i) => ({ row, score: scores[i] as number }));
  }

  /** Working memory is the index's, and shared: what is in it lasts until the walk gives others a turn. */
  #ids(count: number): Uint32Array {
    const { region, walkAt, work } = this.#index;
    return new Uint32Array(region.memory.buffer, walkAt + work.ids, count);
  }

  /** Keys of the first `count` ids. */
  #keys(count: number): Uint32Array {
    const { region, walkAt, work, placement } = this.#index;
    const { buffer } = region.memory;
    new Uint8Array(buffer, walkAt + work.query, this.#coded.length).set(this.#coded);
    diskKernel(placement, region.memory).keysOfAll(
      walkAt + work.query,
      walkAt + work.ids,
      count,
      walkAt + work.keys,
    );
    return new Uint32Array(buffer, walkAt + work.keys, count);
  }

  #checkSignal(): void {
    if (this.#signal?.aborted) throw new ElanusError('cancelled', 'the caller stopped waiting for a search');
  }
}

/** The query in the form that codes are compared with. */
function encoded(
  { placement, params, region, walkAt, work, elementType }: DiskIndex,
  bytes: Uint8Array,
): Uint8Array {
  const { dim, metric } = placement;
  const { memory } = region;
  const form = isCodeForm(params.form) ? params.form : 'SQ8';
  const frameAt = sectionPlace(placement, 'frame');
  const isIp = metric === 'IP';
  const frame: Frame = {
    dim,
    isIp,
    isUnit: metric === 'COSINE',
    step: params.step,
    mean: isIp ? 0 : frameAt,
    signs: params.isRotated ? frameAt + dim * 4 : 0,
  };
  writeFloats(elementType, bytes, new Float32Array(memory.buffer, walkAt + work.raw, dim));
  const kernel = diskKernel(placement, memory);
  kernel.toFrame(walkAt + work.raw, dim, frame.mean, frame.signs, frame.isUnit ? 1 : 0, walkAt + work.framed);
  encodeQuery(memory, form, frame, walkAt + work.framed, walkAt + work.query);
  return new Uint8Array(memory.buffer, walkAt + work.query, work.queryBytes).slice();
}
