// The one door to the families of vector indexes: build a block from vectors, bring a block into memory, and say which task searches it.
// Exact search (FLAT, BIN_FLAT) needs no block: it reads the vectors themselves.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { ElementType } from '#index/block/element-type.js';
import {
  type Crc32,
  checkSum,
  decodeIndexBlock,
  type IndexBlock,
  type IndexHeader,
  type IndexMeta,
  type IndexParameter,
  indexHeaderBytes,
  readIndexHeader,
} from '#index/block/index-block.js';
import { DATA_OFFSET } from '#index/block/region-layout.js';
import type { VectorFloatsInput } from '#index/block/vector-floats.js';
import {
  type IndexPlacement,
  type IndexRegion,
  type IndexWorkers,
  type LoadedIndex,
  makePlace,
  placeIndex,
} from '#index/block/vector-index.js';
import { sqForms } from '#index/graph/codes/graph-codes.js';
import { buildGraph } from '#index/graph/graph-build.js';
import type { BuildOptions, SourceVectors } from '#index/graph/graph-spec.js';
import { checkGraphBlock } from '#index/graph/nodes/graph-check.js';
import { graphParams, workLayout } from '#index/graph/nodes/graph-layout.js';
import { decodeLevels, LEVELS_SECTION } from '#index/graph/nodes/level-widths.js';
import { checkGraphPqBlock } from '#index/graph/pq/graph-pq-check.js';
import { graphPqWork } from '#index/graph/pq/graph-pq-layout.js';
import { checkQgBlock } from '#index/graph/qg/qg-check.js';
import { buildIvf } from '#index/ivf/ivf-build.js';
import { fittingIvf } from '#index/ivf/ivf-fit.js';
import { checkIvfBlock, type IvfType, isIvfType, ivfTypes, ivfWorkBytes } from '#index/ivf/ivf-layout.js';
import { loadMinhashIndex, MINHASH_INDEX_TYPE } from '#index/minhash/minhash-index.js';
import type { BuildParams } from '#model/params/index-types.js';
import type { LearnedLevels } from '#model/params/learned-levels.js';
import type { MetricName } from '#model/schema/metric-type.js';

export interface VectorIndexSpec {
  readonly build: BuildParams;
  readonly metric: MetricName;
  readonly elementType: ElementType;
  readonly dim: number;
  readonly rowCount: number;
  /** Bit set: the row has no vector. */
  readonly without?: Uint8Array;
  /** The block of an HNSW has room for what levels need (`index/graph/nodes/level-widths.ts`). */
  readonly learnsLevels?: boolean;
  readonly seed?: number;
  /** Threads that build; default all. One thread and one seed give the same bytes each time. */
  readonly threads?: number;
}

type Family = 'graph' | 'graphPq' | 'qg' | 'ivf';
/** The task of `worker-tasks.ts` that searches a family: memory 0 the vectors, memory 1 the index. */
const searchTasks = {
  graph: 'graphSearch',
  graphPq: 'graphPqSearch',
  qg: 'qgSearch',
  ivf: 'ivfSearch',
} as const satisfies Record<Family, string>;

const families: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['HNSW', 'graph'],
  ['HNSW_SQ', 'graph'],
  ['HNSW_PQ', 'graphPq'],
  ['HNSW_PRQ', 'graphPq'],
  ['QG', 'qg'],
  ...ivfTypes.map((type) => [type, 'ivf'] as const),
]);

const familyOf = (indexType: string): Family | undefined => families.get(indexType);
/** Whether such an index has a block; FLAT and BIN_FLAT have none. */
export const hasBlock = (indexType: string): boolean =>
  familyOf(indexType) !== undefined || indexType === MINHASH_INDEX_TYPE;

/** Rows below which an exact scan is as fast as an index, and exact. */
const AUTOINDEX_ROWS_MIN = 10_000;
/** What AUTOINDEX builds for a segment. */
export function chooseIndex(spec: Pick<VectorIndexSpec, 'metric' | 'elementType' | 'rowCount'>): BuildParams {
  if (spec.elementType === 'binary') return { kind: 'BIN_FLAT' };
  if (spec.rowCount < AUTOINDEX_ROWS_MIN) return { kind: 'FLAT' };
  return { kind: 'HNSW', M: 16, efConstruction: 200 };
}

/** What the build of a loaded index learned of levels. */
export function learnedLevels({ region, placement }: LoadedIndex): LearnedLevels | undefined {
  const place = placement.sections[LEVELS_SECTION];
  if (place === undefined) return undefined;
  const section = new Uint8Array(region.memory.buffer, place.offset, place.bytes);
  return decodeLevels({ meta: placement, sections: new Map([[LEVELS_SECTION, section]]) });
}

/** Whether the index answers by its codes, and vectors stay in its file. */
export const isByCodes = (build: BuildParams): boolean => build.kind === 'HNSW_SQ' && !build.refine;
/** The task that searches such an index without vectors: memory 0 has the index. */
export const CODES_SEARCH_TASK = 'graphCodesSearch';

/** @throws unsupported when the type has no block; memory_limit; cancelled */
export function buildVectorIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: VectorIndexSpec,
  source: SourceVectors<Region>,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { build, metric } = spec;
  const { kind: indexType, ...asked } = build;
  const params = asked as Readonly<Record<string, IndexParameter>>;
  if ('efConstruction' in build && (metric === 'L2' || metric === 'IP' || metric === 'COSINE')) {
    const { M: degree, efConstruction } = build;
    const graph = { ...spec, metric, indexType, params, degree, efConstruction };
    if (build.kind === 'QG')
      return buildGraph(workers, { ...graph, form: 'SQ8', bits: build.bits }, source, options);
    if (build.kind === 'HNSW_PQ' || build.kind === 'HNSW_PRQ') {
      const pq = { m: build.m, nbits: build.nbits, levels: build.kind === 'HNSW_PRQ' ? build.nrq : 1 };
      return buildGraph(workers, { ...graph, form: 'SQ8', pq }, source, options);
    }
    const form = build.kind === 'HNSW_SQ' ? sqForms[build.sqType] : 'fitting';
    return buildGraph(workers, { ...graph, form, isScored: isByCodes(build) }, source, options);
  }
  if (isIvfType(indexType)) return buildIvfOver(workers, spec, indexType, params, source, options);
  return Promise.reject(
    new ElanusError('unsupported', `index ${indexType} with metric ${metric} has no block to build`),
  );
}

/** Lists are trained on float32 (or on bits): other kinds are converted first, by the workers. */
async function buildIvfOver<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: VectorIndexSpec,
  indexType: IvfType,
  params: Readonly<Record<string, IndexParameter>>,
  source: SourceVectors<Region>,
  options: BuildOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { metric, elementType, dim, rowCount, seed } = spec;
  const ivf = { indexType, metric, elementType, dim, rowCount, params, ...(seed !== undefined && { seed }) };
  const { region, place } = source;
  const fitting = (block: Uint8Array<ArrayBuffer>) => fittingIvf(workers, block, source, options.signal);
  if (elementType === 'float32' || elementType === 'binary') {
    const { vectorsOffset, blocks } = place;
    return fitting(
      await buildIvf(workers, ivf, { region, vectorsOffset, ...(blocks && { blocks }) }, options),
    );
  }
  const floats = new Float32Array(rowCount * dim);
  for (let rowBegin = 0; rowBegin < rowCount; rowBegin += CONVERTED_ROWS) {
    const input: VectorFloatsInput = {
      place,
      rowBegin,
      rowEnd: Math.min(rowCount, rowBegin + CONVERTED_ROWS),
    };
    floats.set(
      await workers.run<Float32Array>('vectorFloats', input, [region], options.signal),
      rowBegin * dim,
    );
  }
  return fitting(await buildIvf(workers, ivf, { bytes: new Uint8Array(floats.buffer) }, options));
}

const CONVERTED_ROWS = 16_384;

export interface SearchableIndex<Region extends IndexRegion = IndexRegion> extends LoadedIndex<Region> {
  readonly task: string;
}

/**
 * Checks the block and copies it into a region of its own. @param threads how many may search it at once
 * @throws data_corrupt, naming `what`: build it again; memory_limit
 */
export function loadVectorIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  bytes: Uint8Array,
  what: string,
  threads = workers.parallelism,
): SearchableIndex<Region> {
  const block = decodeIndexBlock(bytes, what);
  if (block.meta.indexType !== MINHASH_INDEX_TYPE) checkBlock(knownFamily(block.meta, what), block);
  return placeBlock(workers, block, what, threads);
}

/** A block in a file, or in memory. */
export interface BlockSource {
  readonly bytes: number;
  /** Fills the array with the bytes from `begin` on. @throws data_corrupt when there are fewer */
  read(begin: number, into: Uint8Array): Promise<void>;
}

/** Most headers are no longer. */
const HEAD_BYTES = 16_384;

/**
 * The same for blocks of any size: bytes are read to where searches will find them, and checked there by a worker. Until this resolves
 * nobody knows the region; when it rejects no read of it is under way any more.
 * @throws data_corrupt, naming `what`: build it again; memory_limit, and what the source throws
 */
export async function openVectorIndex<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  source: BlockSource,
  what: string,
  threads = workers.parallelism,
): Promise<SearchableIndex<Region>> {
  const { meta, places, sums, bodyBegin } = await readHeader(source, what);
  if (meta.indexType === MINHASH_INDEX_TYPE) {
    const block = new Uint8Array(source.bytes);
    await source.read(0, block);
    return loadVectorIndex(workers, block, what, threads);
  }
  const family = knownFamily(meta, what);
  const sizes = [...places].map(([name, { bytes }]) => [name, bytes] as const);
  const placed = makePlace(workers, { meta, sizes, workBytes: workBytesOf(family, meta), threads });
  const { placement, region } = placed;
  try {
    await source.read(bodyBegin, new Uint8Array(region.memory.buffer, DATA_OFFSET, source.bytes - bodyBegin));
    await workers.run('checkIndex', { what, placement, sums } satisfies CheckIndexInput, [region]);
    return { ...placed, task: searchTasks[family] };
  } catch (error) {
    workers.release(region);
    throw error;
  }
}

async function readHeader(source: BlockSource, what: string): Promise<IndexHeader> {
  let head = new Uint8Array(Math.min(source.bytes, HEAD_BYTES));
  await source.read(0, head);
  const wanted = Math.min(source.bytes, indexHeaderBytes(head, what));
  if (wanted > head.length) {
    head = new Uint8Array(wanted);
    await source.read(0, head);
  }
  return readIndexHeader(head, source.bytes, what);
}

export interface CheckIndexInput {
  readonly what: string;
  readonly placement: IndexPlacement;
  readonly sums: ReadonlyMap<string, number>;
}

/** A task: checksums and contents of a block that lies in memory 0. @throws data_corrupt */
export function checkIndex(
  { what, placement, sums }: CheckIndexInput,
  context: { readonly memories: readonly WebAssembly.Memory[]; readonly crc32?: Crc32 },
): void {
  const { buffer } = must(context.memories[0], 'memory of the index');
  const sections = new Map<string, Uint8Array>();
  for (const [name, { offset, bytes }] of Object.entries(placement.sections))
    sections.set(name, new Uint8Array(buffer, offset, bytes));
  for (const [name, section] of sections) checkSum(what, name, section, sums.get(name), context.crc32);
  const block: IndexBlock = { meta: placement, sections };
  checkBlock(knownFamily(placement, what), block);
}

function placeBlock<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  block: IndexBlock,
  what: string,
  threads: number,
): SearchableIndex<Region> {
  if (block.meta.indexType === MINHASH_INDEX_TYPE)
    return { ...loadMinhashIndex(workers, block), task: 'minhashSearch' };
  const family = knownFamily(block.meta, what);
  return {
    ...placeIndex(workers, block, workBytesOf(family, block.meta), threads),
    task: searchTasks[family],
  };
}

function knownFamily({ indexType }: IndexMeta, what: string): Family {
  const family = familyOf(indexType);
  if (family !== undefined) return family;
  const fact = `index type ${indexType} is unknown to this version`;
  throw new ElanusError('data_corrupt', `${what}: ${fact}; the index has to be built again`);
}

function checkBlock(family: Family, block: IndexBlock): void {
  if (family === 'graph') checkGraphBlock(block);
  else if (family === 'graphPq') checkGraphPqBlock(block);
  else if (family === 'qg') checkQgBlock(block);
  else checkIvfBlock(block);
}

function workBytesOf(family: Family, meta: IndexMeta): number {
  if (family === 'ivf') return ivfWorkBytes(meta);
  if (family === 'graphPq') return graphPqWork(meta).bytes;
  const { nodes, degree } = graphParams(meta);
  return workLayout(nodes, meta.dim, degree, meta.rowCount).bytes;
}
