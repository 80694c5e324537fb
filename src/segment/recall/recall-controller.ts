// Chooses the width of index searches that ask for a recall (`target_recall`). Some of their queries are run again in the background,
// exactly and at a ladder of widths; the curve that comes out says which width is enough. One controller per loaded index, and in it one
// curve per k, share of rows that count, and other parameters. Nothing runs for collections that do not ask.

import { bytesView } from '#base/bytes.js';
import { messageOf } from '#base/errors.js';
import { nextBelow } from '#base/random.js';
import { GRAPH_POOL_MAX } from '#index/graph/nodes/graph-layout.js';
import type { Platform } from '#platform/platform.js';
import { hasBitAt } from '#segment/fields/row-versions.js';
import type { SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { movedRows } from './moved-rows.js';
import { bucketOf, RecallCurve, widthLadder } from './recall-curve.js';
import { measureRecall, type Sampled } from './recall-sample.js';

export interface AskedSearch {
  readonly queries: Float32Array | Uint8Array;
  readonly k: number;
  readonly params: Readonly<Record<string, number | string | boolean>>;
  /** Bit set: the row does not count. */
  readonly excluded?: Uint8Array | undefined;
  /** Rows that count. */
  readonly passing: number;
}

/** How to search. Exact: nothing is known of the index yet, so that the promise is kept by a scan. */
export type RecallChoice =
  | { readonly isExact: true }
  | {
      readonly isExact: false;
      readonly params: AskedSearch['params'];
      readonly width: number;
      readonly recall: number;
    };
type WidthName = 'ef' | 'nprobe' | 'searchList';

/** Queries of one round, and stored vectors that stand in for queries until enough of these were seen. */
const ROUND_QUERIES = 8;
const STORED_QUERIES = 32;
/** Queries kept for the next round. */
const WAITING_QUERIES_MAX = 32;
/** Samples until which a curve learns for half of the time of one thread, then for a twentieth, then for a two-hundredth. */
const PHASES = [
  { weight: 96, pause: 1 },
  { weight: 256, pause: 19 },
  { weight: Number.POSITIVE_INFINITY, pause: 199 },
] as const;

/** After a round that measured nothing, in ms. */
const REST_MS = 1000;

/** What a curve of another segment of the field counts for, in samples. */
const PRIOR_WEIGHT = 24;
const CURVES_MAX = 16;
const PRIORS_MAX = 256;

/** The parameter that widens a search in such an index; undefined: it has none. */
export function widthNameOf(indexType: string): WidthName | undefined {
  if (indexType.startsWith('HNSW') || indexType === 'QG') return 'ef';
  if (indexType.includes('IVF') || indexType === 'SCANN') return 'nprobe';
  return indexType === 'DISKANN' ? 'searchList' : undefined;
}

/** Filters of about the same selectivity are searched by the same plan. */
export const shareOf = (passing: number, rowCount: number): string => {
  if (passing === rowCount) return 'all';
  return passing >= rowCount * 0.25 ? 'many' : passing >= rowCount * 0.04 ? 'some' : 'few';
};

/** All controllers of a process. Curves of segments that went are the first guess for those that come: flush and compaction forget nothing. */
export class RecallControllers {
  readonly #platform: Platform;
  readonly #controllers = new WeakMap<SegmentIndex, RecallController>();
  readonly #priors = new Map<string, RecallCurve>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** @returns undefined when the index has no width to choose. */
  choose(
    place: { readonly collectionId: bigint; readonly fieldId: bigint },
    vectors: VectorColumn,
    index: SegmentIndex,
    search: AskedSearch,
  ): RecallChoice | undefined {
    return this.of(place, vectors, index)?.choose(search);
  }

  of(
    { collectionId, fieldId }: { readonly collectionId: bigint; readonly fieldId: bigint },
    vectors: VectorColumn,
    index: SegmentIndex,
  ): RecallController | undefined {
    const widthName = widthNameOf(index.indexType);
    if (widthName === undefined) return undefined;
    let controller = this.#controllers.get(index);
    if (controller === undefined) {
      const name = `${collectionId}/${fieldId}/${index.indexType}/`;
      controller = new RecallController(this.#platform, vectors, index, widthName, {
        get: (key) => this.#priors.get(name + key),
        put: (key, curve) => this.#keep(name + key, curve),
      });
      this.#controllers.set(index, controller);
    }
    return controller;
  }

  #keep(key: string, curve: RecallCurve): void {
    this.#priors.delete(key);
    this.#priors.set(key, curve);
    for (const oldest of this.#priors.keys()) {
      if (this.#priors.size <= PRIORS_MAX) break;
      this.#priors.delete(oldest);
    }
  }
}

interface Priors {
  get(key: string): RecallCurve | undefined;
  put(key: string, curve: RecallCurve): void;
}

interface Learning {
  readonly key: string;
  readonly prior: RecallCurve | undefined;
  readonly fromStored: RecallCurve;
  readonly fromQueries: RecallCurve;
  readonly waiting: Uint8Array[];
  /** Parts of the newest search of this kind, which rounds repeat. */
  like: Pick<AskedSearch, 'params' | 'excluded' | 'passing'>;
  nextRoundMs: number;
}

export class RecallController {
  readonly #platform: Platform;
  readonly #vectors: VectorColumn;
  readonly #index: SegmentIndex;
  readonly #widthName: WidthName;
  readonly #priors: Priors;
  readonly #learning = new Map<string, Learning>();
  #work: Promise<void> | undefined;

  constructor(
    platform: Platform,
    vectors: VectorColumn,
    index: SegmentIndex,
    widthName: WidthName,
    priors: Priors,
  ) {
    this.#platform = platform;
    this.#vectors = vectors;
    this.#index = index;
    this.#widthName = widthName;
    this.#priors = priors;
  }

  /** Resolves when nothing is being measured. */
  get idle(): Promise<void> {
    return this.#work ?? Promise.resolve();
  }

  /** @param search.params holds `targetRecall`. Returns at once; may begin to measure in the background. */
  choose(search: AskedSearch): RecallChoice {
    const target = Number(search.params.targetRecall);
    const learning = this.#learningOf(search);
    this.#note(learning, search);
    this.#learn(learning);
    const choice = curveOf(learning).choose(target);
    if (choice === undefined) return { isExact: true };
    const width = this.#widthName === 'nprobe' ? choice.width : Math.max(choice.width, search.k);
    return {
      isExact: false,
      params: { ...search.params, [this.#widthName]: width },
      width,
      recall: choice.recall,
    };
  }

  #learningOf({ k, params, excluded, passing }: AskedSearch): Learning {
    const bucket = Math.min(bucketOf(k), this.#index.rowCount);
    const others = Object.entries(params).filter(
      ([name]) => name !== 'targetRecall' && name !== this.#widthName && name !== 'level',
    );
    const key = `${bucket}/${shareOf(passing, this.#index.rowCount)}/${JSON.stringify(others)}`;
    let learning = this.#learning.get(key);
    if (learning === undefined) {
      const widths = this.#widths(bucket);
      const fresh = (): RecallCurve => new RecallCurve(bucket, widths);
      learning = {
        key,
        prior: this.#priors.get(key),
        fromStored: fresh(),
        fromQueries: fresh(),
        waiting: [],
        like: { params, excluded, passing },
        nextRoundMs: 0,
      };
    }
    learning.like = { params, excluded, passing };
    // The newest last.
    this.#learning.delete(key);
    this.#learning.set(key, learning);
    for (const oldest of this.#learning.keys()) {
      if (this.#learning.size <= CURVES_MAX) break;
      this.#learning.delete(oldest);
    }
    return learning;
  }

  #widths(k: number): number[] {
    const { rowCount } = this.#index;
    if (this.#widthName === 'nprobe')
      return widthLadder(1, Math.max(1, Math.min(rowCount, this.#index.listCount)));
    return widthLadder(Math.min(k, rowCount), Math.min(rowCount, GRAPH_POOL_MAX, Math.max(512, k * 32)));
  }

  /** Keeps one query of the search for the next round, at random when there are enough. */
  #note({ waiting }: Learning, { queries }: AskedSearch): void {
    const { random } = this.#platform;
    const { vectorBytes } = this.#vectors.store;
    const bytes = bytesView(queries);
    const first = nextBelow(random, bytes.length / vectorBytes) * vectorBytes;
    const query = bytes.slice(first, first + vectorBytes);
    if (waiting.length < WAITING_QUERIES_MAX) waiting.push(query);
    else if (nextBelow(random, 8) === 0) waiting[nextBelow(random, WAITING_QUERIES_MAX)] = query;
  }

  #learn(learning: Learning): void {
    const { clock, logger } = this.#platform;
    const isDue = learning.fromStored.weight < STORED_QUERIES || learning.waiting.length >= ROUND_QUERIES;
    if (this.#work !== undefined || !isDue || clock.monotonic() < learning.nextRoundMs) return;
    this.#work = this.#rounds(learning)
      .catch((error: unknown) => {
        // Also when the index was released meanwhile: then nothing asks again.
        learning.nextRoundMs = clock.monotonic() + REST_MS;
        logger.debug('recall_not_measured', { key: this.#index.key, reason: messageOf(error) });
      })
      .finally(() => {
        this.#work = undefined;
      });
  }

  /** One round, and while stored vectors stand in for queries, round after round. */
  async #rounds(learning: Learning): Promise<void> {
    const { clock, timers } = this.#platform;
    do {
      const begin = clock.monotonic();
      const isStored =
        learning.fromStored.weight < STORED_QUERIES && learning.fromQueries.weight < STORED_QUERIES;
      if (isStored) {
        const stored = await this.#storedVectors(learning.like);
        // Hardly any row counts: to draw again at once would find no more, and round after round would take no time.
        if (stored.queries.length === 0) {
          learning.nextRoundMs = begin + REST_MS;
          return;
        }
        await this.#measure(learning.fromStored, stored, learning.like);
      } else
        await this.#measure(
          learning.fromQueries,
          { queries: learning.waiting.splice(0, ROUND_QUERIES) },
          learning.like,
        );
      this.#priors.put(learning.key, curveOf(learning));
      const took = clock.monotonic() - begin;
      const weight = learning.fromStored.weight + learning.fromQueries.weight;
      const { pause } = PHASES.find((phase) => weight < phase.weight) ?? PHASES[2];
      learning.nextRoundMs = begin + took * (1 + pause);
      if (isStored) await timers.sleep(Math.ceil(took * pause));
    } while (
      learning.fromStored.weight < STORED_QUERIES &&
      learning.fromQueries.weight < STORED_QUERIES &&
      !this.#index.isReleased
    );
  }

  /** Vectors near to some rows that count. */
  #storedVectors({ excluded, passing }: Learning['like']): Promise<Sampled> {
    const rows: number[] = [];
    for (let attempt = 0; attempt < 50 * ROUND_QUERIES && rows.length < ROUND_QUERIES; attempt++) {
      const row = nextBelow(this.#platform.random, this.#index.rowCount);
      if (
        rows.includes(row) ||
        this.#vectors.isNull(row) ||
        (excluded !== undefined && hasBitAt(excluded, row))
      )
        continue;
      rows.push(row);
    }
    return movedRows(this.#index, this.#vectors, rows, { passing, ...(excluded && { excluded }) });
  }

  async #measure(
    curve: RecallCurve,
    sampled: Sampled,
    { params, passing, excluded }: Learning['like'],
  ): Promise<void> {
    const index = this.#index;
    const searched = { workers: this.#platform.workers, vectors: this.#vectors, index, passing, excluded };
    const paramsOf = (width: number, k: number) => ({
      ...params,
      [this.#widthName]: this.#widthName === 'nprobe' ? width : Math.max(width, k),
    });
    await measureRecall(curve, sampled, { ...searched, paramsOf });
  }
}

/** Real queries say what real queries find; what stored vectors and other segments said counts until there are some. */
function curveOf({ fromStored, fromQueries, prior }: Learning): RecallCurve {
  if (fromQueries.weight >= STORED_QUERIES) return fromQueries;
  const curve = new RecallCurve(fromStored.k, fromStored.widths);
  curve.addCurve(fromQueries);
  curve.addCurve(fromStored);
  if (prior !== undefined && curve.weight < STORED_QUERIES) curve.addCurve(prior, PRIOR_WEIGHT);
  return curve;
}
