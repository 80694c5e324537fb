// Builds an index of the IVF family: trains centroids on a sample, sorts the rows into lists, trains what codes need, and encodes.
// The work goes through the workers in pieces; a seed gives the same bytes however many threads there are.

import { alignUp } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { seededRandom } from '#base/random.js';
import { encodeIndexBlock, type IndexMeta, type IndexParameter } from '#index/block/index-block.js';
import { REGION_BYTES_MAX, RESERVED_BYTES } from '#index/block/region-layout.js';
import type { RowBlocks } from '#index/block/search-output.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { runLanes, throwIfCancelled } from '#index/block/work-lanes.js';
import { panelFloats, panelsFor, writeHalfSquares } from '#index/codebook/centroid-panels.js';
import { ivfKernel } from '#index/codebook/ivf-kernel.js';
import { type KMeansPlan, kmeansArea, sampleRows } from '#index/codebook/kmeans-tasks.js';
import { trainKMeans } from '#index/codebook/kmeans-train.js';
import { pqSampleCount, trainPq } from '#index/codebook/pq-train.js';
import { type IvfBuildPlan, type ListPart, piecesOf, sectionAt } from './ivf-build-tasks.js';
import { encodeStride, encodeWorkBytes } from './ivf-encode.js';
import {
  BLOCK_ROWS,
  blocksOf,
  type IvfLayout,
  type IvfType,
  isBlocked,
  ivfSections,
  layoutOf,
  ROTATION_ROUNDS,
} from './ivf-layout.js';
import type { IvfSource } from './ivf-source.js';

export interface IvfSpec {
  readonly indexType: IvfType;
  /** L2, IP or COSINE; HAMMING or JACCARD of BIN_IVF_FLAT. */
  readonly metric: string;
  /** Element type of the segment's vectors, for the block's description; `vectors` are float32 (bits for BIN_IVF_FLAT). */
  readonly elementType: string;
  readonly dim: number;
  readonly rowCount: number;
  /** nlist, m, nbits: defaults are those of the API. */
  readonly params: Readonly<Record<string, IndexParameter>>;
  readonly seed?: number;
  /** Sample points for each centroid, 256 when not given. */
  readonly pointsPerCentroid?: number;
}

/** Rows one after the other, or in blocks, in a region; or their bytes, which are copied into one. */
export type IvfVectors<Region extends IndexRegion> =
  | { readonly region: Region; readonly vectorsOffset: number; readonly blocks?: RowBlocks }
  | { readonly bytes: Uint8Array };
export interface IvfBuildOptions {
  /** The share that is done, 0 to 1. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal | undefined;
}

const SAMPLE_BYTES_MAX = 1 << 29;
const KMEANS_ITERATIONS = 10;
const PIECE_BYTES = 4 << 20;
const ASSIGN_WORK = 2 ** 27;
/** @returns the index block. @throws invalid_parameter, memory_limit, cancelled */
export async function buildIvf<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: IvfSpec,
  vectors: IvfVectors<Region>,
  options: IvfBuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const layout = layoutOf(spec.indexType, spec.metric, spec.dim, spec.rowCount, spec.params);
  const owned: Region[] = [];
  const allocate = (bytes: number, bytesMax = bytes): Region => {
    if (bytes > REGION_BYTES_MAX) {
      throw new ElanusError(
        'memory_limit',
        `the index build needs ${bytes} bytes at once, expected at most ${REGION_BYTES_MAX}; use smaller segments`,
      );
    }
    const page = (value: number): number => alignUp(Math.max(value, 1), 65536);
    const region = workers.allocate(page(bytes), page(bytesMax));
    owned.push(region);
    return region;
  };
  try {
    throwIfCancelled(options.signal);
    const build = new IvfBuild(workers, spec, layout, vectors, options, allocate);
    return await build.run();
  } finally {
    for (const region of owned) workers.release(region);
  }
}

class IvfBuild<Region extends IndexRegion> {
  readonly #workers: IndexWorkers<Region>;
  readonly #spec: IvfSpec;
  readonly #layout: IvfLayout;
  readonly #options: IvfBuildOptions;
  readonly #allocate: (bytes: number, bytesMax?: number) => Region;
  readonly #sourceRegion: Region;
  readonly #region: Region;
  readonly #plan: IvfBuildPlan;
  readonly #sections: ReadonlyMap<string, number>;
  readonly #seed: number;
  /** Past everything of the plan: working memory of the lanes. */
  readonly #work: number;
  readonly #encodeRows: number;
  readonly #assignRows: number;

  constructor(
    workers: IndexWorkers<Region>,
    spec: IvfSpec,
    layout: IvfLayout,
    vectors: IvfVectors<Region>,
    options: IvfBuildOptions,
    allocate: (bytes: number, bytesMax?: number) => Region,
  ) {
    this.#workers = workers;
    this.#spec = spec;
    this.#layout = layout;
    this.#options = options;
    this.#allocate = allocate;
    this.#seed = spec.seed ?? 1;
    const { dim, count, lists } = layout;
    const base = {
      elementType: spec.indexType === 'BIN_IVF_FLAT' ? 'binary' : 'float32',
      dim,
      isNormalised: spec.metric === 'COSINE',
    } as const;
    let source: IvfSource;
    if ('bytes' in vectors) {
      this.#sourceRegion = allocate(RESERVED_BYTES + vectors.bytes.length);
      new Uint8Array(this.#sourceRegion.memory.buffer, RESERVED_BYTES).set(vectors.bytes);
      source = { ...base, vectorsOffset: RESERVED_BYTES };
    } else {
      this.#sourceRegion = vectors.region;
      source = {
        ...base,
        vectorsOffset: vectors.vectorsOffset,
        ...(vectors.blocks && { blocks: vectors.blocks }),
      };
    }
    // Lists may each leave a block of 32 rows partly unused; the true number is known when rows have their lists.
    this.#sections = ivfSections(layout, Math.floor(count / BLOCK_ROWS) + lists);
    const at: Record<string, number> = {};
    let end = RESERVED_BYTES;
    const take = (bytes: number): number => {
      const place = end;
      end += alignUp(bytes, 64);
      return place;
    };
    for (const [name, bytes] of this.#sections) at[name] = take(bytes);
    this.#plan = {
      layout,
      source,
      at,
      isL2: spec.metric === 'L2',
      halfSquares: take(panelsFor(lists) * 32),
      ids: take(count * 4),
    };
    this.#work = end;
    this.#encodeRows = alignUp(
      Math.min(4096, Math.max(BLOCK_ROWS, PIECE_BYTES / (encodeStride(this.#plan) * 4)), count + 1),
      BLOCK_ROWS,
    );
    this.#assignRows = Math.max(
      16,
      Math.min(Math.floor(PIECE_BYTES / (dim * 4)), Math.floor(ASSIGN_WORK / (Math.max(lists, 1) * dim))),
    );
    const lane = this.#laneBytes();
    this.#region = allocate(end + lane * workers.parallelism);
  }

  #laneBytes(): number {
    const { dim } = this.#layout;
    return alignUp(
      Math.max(encodeWorkBytes(this.#plan, this.#encodeRows), this.#assignRows * (dim * 4 + 4)),
      64,
    );
  }

  #floats(name: string, count: number): Float32Array {
    return new Float32Array(this.#region.memory.buffer, sectionAt(this.#plan, name), count);
  }

  async run(): Promise<Uint8Array<ArrayBuffer>> {
    const { count, kind, lists } = this.#layout;
    if (count > 0) {
      await this.#trainLists();
      await this.#assign();
      const offsets = new Uint32Array(
        this.#region.memory.buffer,
        sectionAt(this.#plan, 'offsets'),
        lists + 1,
      ).slice();
      if (kind === 'signs') this.#drawRotation();
      if (this.#layout.pq) await this.#trainPq();
      if (kind !== 'none') await this.#encode(offsets);
      if (isBlocked(kind)) {
        new Uint32Array(this.#region.memory.buffer, sectionAt(this.#plan, 'blocks'), lists + 1).set(
          blocksOf(offsets),
        );
      }
    }
    throwIfCancelled(this.#options.signal);
    this.#options.onProgress?.(1);
    return this.#encodeBlock();
  }

  async #trainLists(): Promise<void> {
    const { dim, count, lists, hasMean } = this.#layout;
    const { signal, onProgress } = this.#options;
    const perCentroid = this.#spec.pointsPerCentroid ?? 256;
    const wanted = Math.min(
      count,
      Math.max(lists, Math.min(perCentroid * lists, Math.floor(SAMPLE_BYTES_MAX / (dim * 4)))),
    );
    const rows = sampleRows(count, wanted, this.#seed);
    const layout = { area: alignUp(RESERVED_BYTES + wanted * dim * 4, 64), count: wanted, dim, k: lists };
    const region = this.#allocate(kmeansArea(layout).end);
    const sample = { source: this.#plan.source, rows, out: RESERVED_BYTES, hasMean };
    const mean = await this.#workers.run<Float32Array>(
      'ivfSample',
      sample,
      [this.#sourceRegion, region],
      signal,
    );
    if (hasMean) this.#floats('mean', dim).set(mean);
    const plan: KMeansPlan = {
      ...layout,
      points: RESERVED_BYTES,
      stride: dim * 4,
      iterations: KMEANS_ITERATIONS,
      seed: this.#seed,
    };
    await trainKMeans(this.#workers, region, plan, {
      signal,
      onProgress: (done) => onProgress?.(done * 0.5),
    });
    const panels = this.#floats('centroids', panelFloats(lists, dim));
    panels.set(new Float32Array(region.memory.buffer, kmeansArea(plan).panels, panels.length));
    const halves = new Float32Array(this.#region.memory.buffer, this.#plan.halfSquares, panelsFor(lists) * 8);
    writeHalfSquares(panels, dim, lists, halves);
    const bias = this.#floats('list_bias', halves.length);
    bias.set(halves);
    // Inner products rank lists as they are; all else ranks them by distance.
    if (this.#spec.metric === 'IP') bias.fill(0, 0, lists);
    this.#workers.release(region);
  }

  async #assign(): Promise<void> {
    const { dim, count, kind } = this.#layout;
    const { signal, onProgress } = this.#options;
    const bounds = new Float32Array(dim * 2)
      .fill(Number.POSITIVE_INFINITY, 0, dim)
      .fill(Number.NEGATIVE_INFINITY, dim);
    const pieces = Math.ceil(count / this.#assignRows);
    let done = 0;
    const run = async (piece: number, lane: number): Promise<void> => {
      const begin = piece * this.#assignRows;
      const end = Math.min(count, begin + this.#assignRows);
      const found = await this.#run<Float32Array>('ivfAssign', {
        plan: this.#plan,
        begin,
        end,
        work: this.#work + lane * this.#laneBytes(),
      });
      for (let d = 0; d < found.length; d++) {
        bounds[d] =
          d < dim
            ? Math.min(bounds[d] as number, found[d] as number)
            : Math.max(bounds[d] as number, found[d] as number);
      }
      onProgress?.(0.5 + (0.2 * ++done) / pieces);
    };
    await runLanes(pieces, this.#workers.parallelism, run, signal);
    await this.#run('ivfOrder', this.#plan);
    if (kind !== 'bytes') return;
    const [lows, steps] = [this.#floats('lows', dim), this.#floats('steps', dim)];
    for (let d = 0; d < dim; d++) {
      const [low, high] = [bounds[d] as number, bounds[dim + d] as number];
      lows[d] = low <= high ? low : 0;
      steps[d] = low <= high ? (high - low) / 255 : 0;
    }
  }

  #drawRotation(): void {
    const { turned, lists, dim } = this.#layout;
    const random = seededRandom(this.#seed ^ 0x5eed);
    const signs = this.#floats('turn_signs', ROTATION_ROUNDS * turned);
    for (let i = 0; i < signs.length; i++) signs[i] = random.nextUint32() & 0x8000 ? 1 : -1;
    const panels = this.#floats('centroids', panelFloats(lists, dim));
    const centroids = this.#floats('turned', lists * turned).fill(0);
    for (let i = 0; i < lists; i++) {
      for (let d = 0; d < dim; d++)
        centroids[i * turned + d] = panels[(i >> 3) * 8 * dim + d * 8 + (i & 7)] as number;
    }
    const kernel = ivfKernel.on(this.#region.memory);
    kernel.rotate(
      sectionAt(this.#plan, 'turned'),
      lists,
      turned,
      sectionAt(this.#plan, 'turn_signs'),
      ROTATION_ROUNDS,
    );
  }

  async #trainPq(): Promise<void> {
    const { pq: shape, count } = this.#layout;
    const { signal, onProgress } = this.#options;
    if (!shape) return;
    const wanted = pqSampleCount(shape, count);
    const rows = sampleRows(count, wanted, this.#seed + 1);
    const region = this.#allocate(RESERVED_BYTES + wanted * shape.padded * 4, REGION_BYTES_MAX);
    const input = { plan: this.#plan, rows, stride: shape.padded, out: RESERVED_BYTES };
    await this.#workers.run('ivfResiduals', input, [this.#sourceRegion, this.#region, region], signal);
    const book = await trainPq(this.#workers, shape, {
      region,
      samples: RESERVED_BYTES,
      count: wanted,
      seed: this.#seed + 2,
      signal,
      onProgress: (done) => onProgress?.(0.7 + 0.2 * done),
    });
    this.#floats('books', book.books.length).set(book.books);
    this.#floats('book_bias', book.bias.length).set(book.bias);
    this.#workers.release(region);
  }

  async #encode(offsets: Uint32Array): Promise<void> {
    const pieces = piecesOf(offsets, this.#encodeRows);
    const { signal, onProgress } = this.#options;
    let done = 0;
    const run = async (piece: number, lane: number): Promise<void> => {
      const parts: readonly ListPart[] = pieces[piece] ?? [];
      await this.#run('ivfEncode', { plan: this.#plan, parts, work: this.#work + lane * this.#laneBytes() });
      onProgress?.(0.9 + (0.1 * ++done) / pieces.length);
    };
    await runLanes(pieces.length, this.#workers.parallelism, run, signal);
  }

  #run<Output>(task: string, input: unknown): Promise<Output> {
    return this.#workers.run(task, input, [this.#sourceRegion, this.#region], this.#options.signal);
  }

  #encodeBlock(): Uint8Array<ArrayBuffer> {
    const { indexType, metric, elementType, dim, rowCount, params } = this.#spec;
    const { lists } = this.#layout;
    const memory = this.#region.memory;
    const offsets = new Uint32Array(memory.buffer, sectionAt(this.#plan, 'offsets'), lists + 1);
    const sizes = ivfSections(this.#layout, blocksOf(offsets)[lists] as number);
    const sections = new Map<string, Uint8Array>();
    for (const [name, bytes] of sizes)
      sections.set(name, new Uint8Array(memory.buffer, sectionAt(this.#plan, name), bytes));
    const usual = { nlist: 128, ...(indexType === 'IVF_PQ' && { m: 32, nbits: 8 }) };
    const meta: IndexMeta = {
      indexType,
      metric,
      elementType,
      dim,
      rowCount,
      params: { ...usual, ...params },
    };
    return encodeIndexBlock(meta, sections);
  }
}
