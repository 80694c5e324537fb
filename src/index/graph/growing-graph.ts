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

export interface GrowingSpec {
  readonly metric: 'L2' | 'IP' | 'COSINE';
  readonly elementType: string;
  readonly dim: number;
  readonly degree: number;
  readonly efConstruction: number;
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
}

export class GrowingGraph<Region extends IndexRegion> {
  readonly #workers: IndexWorkers<Region>;
  readonly #spec: GrowingSpec;
  #stage: Stage<Region> | undefined;
  #rows = 0;
  /** Rows that there were when codes were measured. */
  #measuredRows = 0;
  /** Rows that there were when the graph was mended. */
  #mendedRows = 0;
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
    return this.#stage?.place.layout.total ?? 0;
  }

  /** For `graphSearch`; the caller excludes rows from `rowCount` on. Undefined: nothing is in it yet. */
  get index(): { readonly region: Region; readonly placement: IndexPlacement } | undefined {
    const stage = this.#stage;
    if (stage === undefined || this.#rows === 0) return undefined;
    const { layout, nodes, degree, dim, isRotated, step, by } = stage.place;
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
          hasRows: false,
          isRotated,
          isGrowing: true,
        },
        sections: {
          header: section(layout.header),
          frame: section(layout.frame),
          links: section(layout.links),
          codes: section(layout.codes),
          upper: section(layout.upper),
          upperOf: section(layout.upperOf),
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
      await this.#leaveUnfitCodes(source, rowCount, signal);
      while (this.#rows < rowCount && !this.#isReleased) {
        const stage = await this.#stageFor(source, rowCount, signal);
        const place: BuildPlace = { ...stage.place, source: source.place };
        const end = Math.min(rowCount, this.#rows + CHUNK_ROWS);
        const { layout } = place;
        const encode: EncodeInput = {
          place,
          form: place.by,
          begin: this.#rows,
          end,
          out: layout.codes,
          stride: layout.codeStride,
          order: 0,
        };
        const regions = [source.region, stage.region];
        await this.#workers.run('graphEncode', encode, regions, signal);
        const insert: InsertInput = { place, end, most: end - this.#rows };
        await this.#workers.run('graphInsert', insert, regions, signal);
        this.#rows = end;
      }
      await this.#mend(source, signal);
    });
  }

  /** Rows that came later may be of another scale: the graph begins again by floats, and until it has come as far its rows are scanned. */
  async #leaveUnfitCodes(
    { region, place: source }: Source<Region>,
    rowCount: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const stage = this.#stage;
    if (stage === undefined || stage.place.by === 'FP32' || rowCount < this.#measuredRows * MEASURED_AGAIN)
      return;
    if (await this.#doCodesFit({ ...stage.place, source }, [region, stage.region], rowCount, signal)) return;
    this.#retired.push(stage.region);
    this.#rows = 0;
    this.#mendedRows = 0;
    this.#stage = this.#beginByFloats(rowCount, source);
  }

  /** Links that a search of rows as they are now needs; rows that come later take some of them away again. */
  async #mend(source: Source<Region>, signal?: AbortSignal): Promise<void> {
    const stage = this.#stage;
    if (
      stage === undefined ||
      this.#spec.metric === 'IP' ||
      this.#isReleased ||
      this.#rows < this.#mendedRows * MENDED_AGAIN
    )
      return;
    this.#mendedRows = this.#rows;
    await mendGraph(
      this.#workers,
      [source.region, stage.region],
      { ...stage.place, source: source.place },
      this.#rows,
      signal,
    );
  }

  async #doCodesFit(
    place: BuildPlace,
    regions: readonly Region[],
    rowCount: number,
    signal?: AbortSignal,
  ): Promise<boolean> {
    this.#measuredRows = rowCount;
    // A stage may have room for fewer rows than there are by now.
    const measured = { ...place, sampled: Math.min(rowCount, place.nodes) };
    const input: CodeFitInput = {
      place: measured,
      form: 'SQ8',
      step: place.step,
      scored: rescored(NEAREST_WANTED, 'SQ8'),
      use: 'made',
    };
    return doesFit(await this.#workers.run<CodeFit>('codeFit', input, regions, signal), 'made');
  }

  #beginByFloats(rowCount: number, source: ExactVectors): Stage<Region> {
    const stage = this.#allocate(rowCount * 2, source, 1, 'FP32');
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

  async #stageFor(source: Source<Region>, rowCount: number, signal?: AbortSignal): Promise<Stage<Region>> {
    const now = this.#stage;
    if (now !== undefined && this.#rows < now.place.nodes) return now;
    const next = now === undefined ? await this.#begin(source, rowCount, signal) : this.#widen(now, rowCount);
    if (now !== undefined) this.#retired.push(now.region); // Searches that run may still read it.
    this.#stage = next;
    return next;
  }

  async #begin(source: Source<Region>, rowCount: number, signal?: AbortSignal): Promise<Stage<Region>> {
    const stage = this.#allocate(rowCount * 2, source.place, 1, 'SQ8');
    const { dim } = this.#spec;
    const { place, region } = stage;
    const buffer = region.memory.buffer;
    if (place.isRotated)
      new Float32Array(buffer, place.layout.frame + dim * 4, 4 * dim).set(rotationSigns(dim, SEED + 1));
    new Int32Array(buffer, place.layout.header, 4).set([0, -1, 0, 0]);
    const sample = await this.#workers.run<SampleOutput>(
      'graphSample',
      { ...place, sampled: rowCount },
      [source.region, region],
      signal,
    );
    const coded: BuildPlace = { ...place, step: stepOf('SQ8', sample.deviation, sample.reach) };
    if (await this.#doCodesFit(coded, [source.region, region], rowCount, signal))
      return { region, place: coded };
    this.#workers.release(region);
    return this.#beginByFloats(rowCount, source.place);
  }

  /** Twice the room: every part is copied to its new place. */
  #widen({ region, place }: Stage<Region>, rowCount: number): Stage<Region> {
    const next = this.#allocate(Math.max(rowCount, place.nodes) * 2, place.source, place.step, place.by);
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
    return next;
  }

  #allocate(nodes: number, source: ExactVectors, step: number, by: BuildPlace['by']): Stage<Region> {
    const { dim, degree, metric, efConstruction } = this.#spec;
    // The same seed draws the same layers for the nodes that are there already.
    const levels = drawLevels(nodes, degree, SEED);
    const layout: BuildLayout = layoutBuild(
      { dim, degree, form: by, by },
      nodes,
      levels.lists,
      this.#workers.parallelism + 1,
    );
    assert(layout.codeStride === codeBytes(by, dim), `codes of ${by}`);
    const region = this.#workers.allocate(layout.total, layout.total);
    const buffer = region.memory.buffer;
    new Uint8Array(buffer, layout.links, layout.linkBytes).fill(255);
    new Uint8Array(buffer, layout.upper, layout.upperBytes).fill(255);
    new Uint8Array(buffer, layout.levels, nodes).set(levels.levels);
    new Uint32Array(buffer, layout.upperOf, nodes).set(levels.offsets);
    const rows = new Uint32Array(buffer, layout.rows, nodes);
    for (let row = 0; row < nodes; row++) rows[row] = row;
    const isRotated = by === 'SQ8' && dim >= ROTATED_DIM_MIN;
    const hasMean = by === 'SQ8' && metric !== 'IP';
    return {
      region,
      place: { nodes, dim, degree, metric, efConstruction, layout, source, isRotated, hasMean, by, step },
    };
  }
}
