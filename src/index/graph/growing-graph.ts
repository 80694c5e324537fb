// A graph over a growing segment: rows are added to it by a worker while others search it, so that fresh rows are not a linear scan.
// It covers a prefix of the rows; what came after is scanned until the next `advance`. Codes are of 8 bits, the frame is made from the
// first rows and stays; where such codes do not rank the rows as the vectors do, now or when more have come, it is made anew by floats.
import { assert } from '#base/assert.js';
import type { ExactVectors, IndexPlacement, IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { type CodeFit, type CodeFitInput, doesFit } from '#index/graph/build/code-fit.js';
import { type BuildLayout, layoutBuild } from '#index/graph/build/graph-build-layout.js';
import { mendGraph } from '#index/graph/build/graph-mended.js';
import type { BuildPlace, EncodeInput, InsertInput, SampleOutput } from '#index/graph/build/graph-tasks.js';
import { drawLevels } from '#index/graph/build/node-levels.js';
import {
  codeBytes,
  ROTATED_DIM_MIN,
  rescored,
  rotationSigns,
  stepOf,
} from '#index/graph/codes/graph-codes.js';
import { GrowingCopies } from './growing-copies.js';
import { beginGrowingNear, growNear, wantsNear } from './growing-near.js';
import { nearNodes } from './near-nodes.js';

export interface GrowingSpec {
  readonly metric: 'L2' | 'IP' | 'COSINE';
  readonly elementType: string;
  readonly dim: number;
  readonly degree: number;
  readonly efConstruction: number;
}

interface Room {
  readonly nodes: number;
  readonly rows: number;
}

/** Rows before a graph is begun: the frame needs a sample, and scanning fewer is as fast. */
export const GROWING_ROWS_MIN = 8192;
/** Rows added by one task; a search that waits for a thread waits this long, tens of milliseconds. */
const CHUNK_ROWS = 256;
const SEED = 1;
/** Codes are measured again when there are so many times the rows. */
const MEASURED_AGAIN = 1.25;
/** And links are counted again. */
const MENDED_AGAIN = 1.25;
const NEAREST_WANTED = 10;

interface Source<Region> {
  readonly region: Region;
  readonly place: ExactVectors;
}

interface Stage<Region> {
  readonly region: Region;
  readonly place: BuildPlace;
  /** Bits of searches have room for as many rows. Nodes that are not there yet are of the row behind them. */
  readonly rowRoom: number;
}

export class GrowingGraph<Region extends IndexRegion> {
  readonly #workers: IndexWorkers<Region>;
  readonly #spec: GrowingSpec;
  readonly #copies = new GrowingCopies();
  #stage: Stage<Region> | undefined;
  #rows = 0;
  /** The first so many are linked. */
  #nodes = 0;
  /** Nodes that there were when codes were measured. */
  #measuredNodes = 0;
  /** Nodes that there were when the graph was mended. */
  #mendedNodes = 0;
  #users = 0;
  #isReleased = false;
  readonly #retired: Region[] = [];

  constructor(workers: IndexWorkers<Region>, spec: GrowingSpec) {
    this.#workers = workers;
    this.#spec = spec;
  }

  /** The first so many rows are in the graph. */
  get rowCount(): number {
    return this.#rows;
  }

  get bytes(): number {
    return (this.#stage?.place.layout.total ?? 0) + this.#copies.bytes;
  }

  /** For `graphSearch`; the caller excludes rows from `rowCount` on. Undefined: nothing is in it yet. */
  get index(): { readonly region: Region; readonly placement: IndexPlacement } | undefined {
    const stage = this.#stage;
    if (stage === undefined || this.#rows === 0) return undefined;
    const { layout, nodes, degree, dim, isRotated, step, by } = stage.place;
    const { copies } = this.#copies;
    const section = (offset: number): { offset: number; bytes: number } => ({ offset, bytes: 0 });
    return {
      region: stage.region,
      placement: {
        indexType: 'HNSW',
        metric: this.#spec.metric,
        elementType: this.#spec.elementType,
        dim,
        rowCount: this.#rows,
        params: {
          nodes,
          degree,
          form: by,
          codeStride: layout.codeStride,
          step,
          hasRows: copies !== undefined,
          isRotated,
          isGrowing: true,
          rowRoom: stage.rowRoom,
        },
        ...(copies && { copies }),
        sections: {
          header: section(layout.header),
          frame: section(layout.frame),
          links: section(layout.mergedLinks === 0 ? layout.links : layout.mergedLinks),
          codes: section(layout.codes),
          upper: section(layout.upper),
          upperOf: section(layout.upperOf),
          rows: section(layout.rows),
        },
        workOffset: layout.work,
        workBytes: layout.workBytes,
      },
    };
  }

  /** Keeps the memory while a task reads it. */
  async hold<T>(task: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await task();
    } finally {
      this.#users--;
      this.#giveBack();
    }
  }

  /** Adds the rows up to `rowCount`, one task after the other. One call at a time. */
  async advance(source: Source<Region>, rowCount: number, signal?: AbortSignal): Promise<void> {
    assert(!this.#isReleased, 'the growing graph was released');
    await this.hold(async () => {
      await this.#copies.meet(this.#workers, source, rowCount, signal);
      await this.#leaveUnfitCodes(source, signal);
      while (this.#rows < rowCount && !this.#isReleased) {
        const stage = await this.#stageFor(source, signal);
        this.#writeRows(stage);
        const place: BuildPlace = { ...stage.place, source: source.place };
        const end = Math.min(this.#copies.nodes, stage.place.nodes, this.#nodes + CHUNK_ROWS);
        const { layout } = place;
        const encode: EncodeInput = {
          place,
          form: place.by,
          begin: this.#nodes,
          end,
          out: layout.codes,
          stride: layout.codeStride,
          order: 0,
        };
        const regions = [source.region, stage.region];
        await this.#workers.run('graphEncode', encode, regions, signal);
        const insert: InsertInput = { place, end, most: end - this.#nodes };
        await this.#workers.run('graphInsert', insert, regions, signal);
        if (layout.mergedLinks !== 0)
          await growNear(this.#workers, regions, place, { begin: this.#nodes, end }, signal);
        this.#nodes = end;
        // Rows before that of the next node are copies of rows before them.
        this.#rows = this.#copies.rows[end] ?? this.#copies.rowCount;
      }
      await this.#mend(source, signal);
    });
  }

  /** Rows that came later may be of another scale: the graph begins again by floats, and until it has come as far its rows are scanned. */
  async #leaveUnfitCodes({ region, place: source }: Source<Region>, signal?: AbortSignal): Promise<void> {
    const stage = this.#stage;
    const { nodes } = this.#copies;
    if (stage === undefined || stage.place.by === 'FP32' || nodes < this.#measuredNodes * MEASURED_AGAIN)
      return;
    this.#writeRows(stage);
    if (await this.#doCodesFit({ ...stage.place, source }, [region, stage.region], signal)) return;
    this.#retired.push(stage.region);
    this.#rows = 0;
    this.#nodes = 0;
    this.#mendedNodes = 0;
    this.#stage = this.#beginByFloats(source);
  }

  /** Nodes that are linked have theirs already: searches may read them meanwhile. */
  #writeRows({ region, place, rowRoom }: Stage<Region>): void {
    const rows = new Uint32Array(region.memory.buffer, place.layout.rows, place.nodes);
    const known = this.#copies.rows.subarray(0, place.nodes);
    rows.set(known);
    rows.fill(rowRoom, known.length);
  }

  /** Links that a search of rows as they are now needs; rows that come later take some of them away again. */
  async #mend(source: Source<Region>, signal?: AbortSignal): Promise<void> {
    const stage = this.#stage;
    if (stage === undefined || this.#isReleased || this.#nodes < this.#mendedNodes * MENDED_AGAIN) return;
    this.#mendedNodes = this.#nodes;
    const regions = [source.region, stage.region] as const;
    const place = { ...stage.place, source: source.place };
    if (this.#spec.metric !== 'IP') await mendGraph(this.#workers, regions, place, this.#nodes, signal);
    else if (
      place.layout.mergedLinks === 0 &&
      (await wantsNear(this.#workers, regions, place, this.#nodes, signal))
    )
      await this.#addNear(source, stage, signal);
  }

  /** The same graph with one by distance beside it; until that has come as far the one before is searched. */
  async #addNear(source: Source<Region>, stage: Stage<Region>, signal?: AbortSignal): Promise<void> {
    const next = this.#moved(stage, { nodes: stage.place.nodes, rows: stage.rowRoom }, true);
    const place = { ...next.place, source: source.place };
    const regions = [source.region, next.region] as const;
    try {
      for (let begin = 0; begin < this.#nodes && !this.#isReleased; begin += CHUNK_ROWS) {
        const end = Math.min(this.#nodes, begin + CHUNK_ROWS);
        await growNear(this.#workers, regions, place, { begin, end }, signal);
      }
    } catch (error) {
      this.#workers.release(next.region);
      throw error;
    }
    this.#retired.push(stage.region);
    this.#stage = next;
  }

  async #doCodesFit(
    place: BuildPlace,
    regions: readonly [Region, Region],
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { nodes } = this.#copies;
    this.#measuredNodes = nodes;
    // A stage may have room for fewer nodes than there are by now.
    const measured = { ...place, sampled: Math.min(nodes, place.nodes) };
    const input: CodeFitInput = {
      place: measured,
      form: 'SQ8',
      step: place.step,
      scored: rescored(NEAREST_WANTED, 'SQ8'),
      use: 'made',
      near: await nearNodes({ workers: this.#workers, regions, signal }, measured, measured.sampled),
    };
    return doesFit(await this.#workers.run<CodeFit>('codeFit', input, regions, signal), 'made');
  }

  #beginByFloats(source: ExactVectors): Stage<Region> {
    const stage = this.#allocate(this.#roomFor(0), source, 1, 'FP32');
    new Int32Array(stage.region.memory.buffer, stage.place.layout.header, 4).set([0, -1, 0, 0]);
    return stage;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#users > 0) return;
    for (const region of this.#retired.splice(0)) this.#workers.release(region);
    if (this.#isReleased && this.#stage !== undefined) {
      this.#workers.release(this.#stage.region);
      this.#stage = undefined;
    }
  }

  async #stageFor(source: Source<Region>, signal?: AbortSignal): Promise<Stage<Region>> {
    const now = this.#stage;
    const { nodes, rowCount } = this.#copies;
    const hasRoom = now !== undefined && (this.#nodes < now.place.nodes || this.#nodes === nodes);
    if (hasRoom && rowCount <= now.rowRoom) return now;
    const next = now === undefined ? await this.#begin(source, signal) : this.#widen(now);
    if (now !== undefined) this.#retired.push(now.region); // Searches that run may still read it.
    this.#stage = next;
    return next;
  }

  async #begin(source: Source<Region>, signal?: AbortSignal): Promise<Stage<Region>> {
    const stage = this.#allocate(this.#roomFor(0), source.place, 1, 'SQ8');
    const { dim } = this.#spec;
    const { place, region } = stage;
    const buffer = region.memory.buffer;
    if (place.isRotated)
      new Float32Array(buffer, place.layout.frame + dim * 4, 4 * dim).set(rotationSigns(dim, SEED + 1));
    new Int32Array(buffer, place.layout.header, 4).set([0, -1, 0, 0]);
    const sample = await this.#workers.run<SampleOutput>(
      'graphSample',
      { ...place, sampled: this.#copies.nodes },
      [source.region, region],
      signal,
    );
    const coded: BuildPlace = { ...place, step: stepOf('SQ8', sample.deviation, sample.reach) };
    if (await this.#doCodesFit(coded, [source.region, region], signal)) return { ...stage, place: coded };
    this.#workers.release(region);
    return this.#beginByFloats(source.place);
  }

  /** Twice the room. */
  #widen(stage: Stage<Region>): Stage<Region> {
    const { nodes, layout } = stage.place;
    const isFull = this.#copies.nodes > nodes;
    return this.#moved(stage, this.#roomFor(isFull ? nodes * 2 : nodes), layout.mergedLinks !== 0);
  }

  /** Every part is copied to its new place. @param growsNear whether there is room for a graph by distance */
  #moved({ region, place }: Stage<Region>, room: Room, growsNear: boolean): Stage<Region> {
    const next = this.#allocate(room, place.source, place.step, place.by, growsNear);
    const [from, to] = [place.layout, next.place.layout];
    const rows = place.nodes;
    const { degree, dim } = this.#spec;
    const copy = (source: number, target: number, bytes: number): void => {
      new Uint8Array(next.region.memory.buffer, target, bytes).set(
        new Uint8Array(region.memory.buffer, source, bytes),
      );
    };
    copy(from.frame, to.frame, 5 * dim * 4);
    copy(from.header, to.header, 16);
    copy(from.links, to.links, rows * degree * 8);
    copy(from.linkKeys, to.linkKeys, rows * degree * 8);
    copy(from.codes, to.codes, rows * from.codeStride);
    copy(from.upper, to.upper, from.upperBytes);
    if (from.mergedLinks === 0) return next;
    copy(from.nearHeader, to.nearHeader, 16);
    copy(from.finalUpper, to.finalUpper, from.upperBytes);
    for (const part of ['nearLinks', 'nearKeys', 'mergedLinks'] as const)
      copy(from[part], to[part], rows * degree * 8);
    return next;
  }

  #roomFor(nodesMin: number): Room {
    const { nodes, rowCount } = this.#copies;
    return { nodes: Math.max(nodes * 2, nodesMin), rows: rowCount * 2 };
  }

  #allocate(
    { nodes, rows: rowRoom }: Room,
    source: ExactVectors,
    step: number,
    by: BuildPlace['by'],
    growsNear = false,
  ): Stage<Region> {
    const { dim, degree, metric, efConstruction } = this.#spec;
    // The same seed draws the same layers for the nodes that are there already.
    const levels = drawLevels(nodes, degree, SEED);
    const layout: BuildLayout = layoutBuild(
      { dim, degree, form: by, by, hasNearLinks: growsNear, growsNearLinks: growsNear },
      nodes,
      levels.lists,
      this.#workers.parallelism + 1,
      rowRoom + 1,
    );
    assert(layout.codeStride === codeBytes(by, dim), `codes of ${by}`);
    const region = this.#workers.allocate(layout.total, layout.total);
    const buffer = region.memory.buffer;
    new Uint8Array(buffer, layout.links, layout.linkBytes).fill(255);
    new Uint8Array(buffer, layout.upper, layout.upperBytes).fill(255);
    new Uint8Array(buffer, layout.levels, nodes).set(levels.levels);
    new Uint32Array(buffer, layout.upperOf, nodes).set(levels.offsets);
    const isRotated = by === 'SQ8' && dim >= ROTATED_DIM_MIN;
    const hasMean = by === 'SQ8' && metric !== 'IP';
    const stage = {
      region,
      place: { nodes, dim, degree, metric, efConstruction, layout, source, isRotated, hasMean, by, step },
      rowRoom,
    };
    if (growsNear) beginGrowingNear(region.memory, stage.place);
    this.#writeRows(stage);
    return stage;
  }
}
