// How a vector index lies in memory, and what a search in it gets and gives. The exact vectors of a segment stay in their own region;
// an index has a region beside it, so that loading one is a copy and dropping one gives its memory back at once.

import { alignUp } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import type { ElementType } from './element-type.js';
import type { IndexBlock, IndexMeta, IndexParameter } from './index-block.js';
import { DATA_OFFSET, REGION_BYTES_MAX, WASM_PAGE_BYTES } from './region-layout.js';
import type { RowBlocks, SearchOutput } from './search-output.js';

export interface SectionPlace {
  /** Bytes from the start of the index's region, a multiple of 64. */
  readonly offset: number;
  readonly bytes: number;
}

/** Plain data, to be sent to a worker along with the region. */
export interface IndexPlacement extends IndexMeta {
  readonly sections: Readonly<Record<string, SectionPlace>>;
  /** Working memory of thread t: [workOffset + t * workBytes, + workBytes). Zero when the region is new. */
  readonly workOffset: number;
  readonly workBytes: number;
  /** For a graph that grows; sections of the block say it of others. */
  readonly copies?: CopiedRows;
}

/** Rows that are equal to earlier ones, in groups in the order of their first rows: the copies of `firsts[i]` are `copies[ends[i - 1] .. ends[i])`, ascending. */
export interface CopiedRows {
  readonly firsts: Uint32Array;
  readonly ends: Uint32Array;
  readonly copies: Uint32Array;
}

/** Where the exact vectors of rows are, for scoring candidates; of the first region of the task. */
export interface ExactVectors {
  readonly dim: number;
  /** Default float32. */
  readonly elementType?: ElementType;
  readonly vectorsOffset: number;
  readonly inverseNormsOffset?: number;
  readonly blocks?: RowBlocks;
}

export type IndexSearchParams = Readonly<Record<string, IndexParameter>>;
/** A task over two regions: the exact vectors, and the index. */
export interface IndexSearchInput {
  readonly index: IndexPlacement;
  readonly vectors: ExactVectors;
  /** Vectors one after the other, bytes as they are in a row. */
  readonly queries: Float32Array | Uint8Array;
  readonly k: number;
  /** ef, nprobe, reorder_k …, checked already. */
  readonly params: IndexSearchParams;
  /** Bit set: the row is skipped. Rows past its end are not. */
  readonly excluded?: Uint8Array;
  /** By node of a graph, made of `excluded` where that is asked for again: set, neither the node's row nor a copy of it counts. */
  readonly excludedNodes?: Uint8Array;
  /** Nodes that are not among them, ascending, where they are few and listed already. */
  readonly countingNodes?: Uint32Array;
  /** Rows that are not excluded, when `excluded` is given. */
  readonly passing?: number;
  /** Rows that are not excluded, where they are listed already. */
  readonly rows?: Uint32Array;
  /** Words of `KnownEntries`, shared, kept with the bits: where walks among these rows ended that began far from their query. */
  readonly knownEntries?: Uint32Array;
  /** Walks among these rows ended in scans lately: none is tried. */
  readonly isWalkSkipped?: boolean;
  /** Queries are far from all rows: walks begin at a sample of them. */
  readonly isFar?: boolean;
  readonly radius?: number;
  readonly rangeFilter?: number;
}

export interface IndexSearchOutput extends SearchOutput {
  /** Distances computed, for explain and metrics. */
  readonly computed?: number;
  /** Walks of a graph that a scan by codes took the place of, for explain. */
  readonly givenUp?: number;
  /** Walks under a filter that had to begin far from their query. */
  readonly wentFar?: number;
  /** What a filtered search of a graph did, in microseconds by the costs of its plans. */
  readonly spentMicros?: number;
}

/** The workers of the platform, as far as indexes need them; said structurally because the platform's folder comes later. */
export interface IndexRegion {
  readonly memory: WebAssembly.Memory;
}

export interface IndexWorkers<Region extends IndexRegion = IndexRegion> {
  readonly parallelism: number;
  allocate(bytes: number, bytesMax: number): Region;
  release(region: Region): void;
  /** @param micros about how long a synchronous task computes: a short one runs on the calling thread, whose number is `parallelism`. */
  run<Output>(
    task: string,
    input: unknown,
    regions: readonly Region[],
    signal?: AbortSignal,
    micros?: number,
  ): Promise<Output>;
}

export interface LoadedIndex<Region extends IndexRegion = IndexRegion> {
  readonly region: Region;
  readonly placement: IndexPlacement;
  /** Size of sections and working memory. */
  readonly bytes: number;
}

/**
 * Copies a checked block into a region of its own. @param workBytes working memory of each thread, a family's own matter. @param threads beside the one that calls
 * @throws memory_limit
 */
export function placeIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  block: IndexBlock,
  workBytes: number,
  threads: number,
): LoadedIndex<Region> {
  const sizes = [...block.sections].map(([name, { length }]) => [name, length] as const);
  const placed = makePlace(workers, { meta: block.meta, sizes, workBytes, threads });
  for (const [name, bytes] of block.sections)
    new Uint8Array(placed.region.memory.buffer, placed.placement.sections[name]?.offset).set(bytes);
  return placed;
}

export interface IndexSizes {
  readonly meta: IndexMeta;
  /** Names and bytes of the sections, in the order of the block. */
  readonly sizes: Iterable<readonly [name: string, bytes: number]>;
  readonly workBytes: number;
  readonly threads: number;
}

/**
 * A region for a block whose sections are not there yet. They lie in it as in the file: one after the other from DATA_OFFSET on.
 * @throws memory_limit
 */
export function makePlace<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  { meta, sizes, workBytes, threads }: IndexSizes,
): LoadedIndex<Region> {
  let end = DATA_OFFSET;
  const sections: Record<string, SectionPlace> = {};
  for (const [name, bytes] of sizes) {
    sections[name] = { offset: end, bytes };
    end += alignUp(bytes, 64);
  }
  const workOffset = end;
  const workStride = alignUp(workBytes, 64);
  end += workStride * (threads + 1);
  const total = alignUp(end, WASM_PAGE_BYTES);
  if (total > REGION_BYTES_MAX) {
    throw new ElanusError(
      'memory_limit',
      `an index of ${end - DATA_OFFSET} bytes does not fit one region of ${REGION_BYTES_MAX} bytes`,
    );
  }
  return {
    region: workers.allocate(total, total),
    // Frozen says to whoever shares it with threads that it stays as it is.
    placement: Object.freeze({ ...meta, sections, workOffset, workBytes: workStride }),
    bytes: end - DATA_OFFSET,
  };
}

/** @throws data_corrupt when the block lacks the section or it has another length. */
export function sectionOf(block: IndexBlock, name: string, bytes: number): Uint8Array {
  const section = block.sections.get(name);
  if (section?.length !== bytes) {
    throw new ElanusError(
      'data_corrupt',
      `section ${name} of a ${block.meta.indexType} index has ${section?.length ?? 'no'} bytes, expected ${bytes}; the index has to be built again`,
    );
  }
  return section;
}
