// Whether the codes of inverted lists rank rows as the vectors do, measured by searches in the finished block: with the candidates that a
// search scores again usually, and with all that its lists hold. Ranges or codewords set by a few far rows do not distinguish the others; the
// lists themselves are good then, and are kept without codes, as those of an IVF_FLAT.
import { encodeIndexBlock, type IndexBlock, readIndexBlock } from '#index/block/index-block.js';
import type { VectorFloatsInput } from '#index/block/vector-floats.js';
import {
  type ExactVectors,
  type IndexRegion,
  type IndexSearchInput,
  type IndexSearchOutput,
  type IndexWorkers,
  placeIndex,
} from '#index/block/vector-index.js';
import { candidatesWanted } from './ivf-code-scan.js';
import { CANDIDATES_MAX, type IvfType, ivfSections, ivfWorkBytes, layoutOfMeta } from './ivf-layout.js';

const QUERIES = 16;
const NEAREST = 10;
/** At least, and until so many times the candidates are looked at: of fewer rows nearly all would be scored, whatever the codes say. */
const PROBES_MIN = 8;
const LOOKED_AT = 16;
/** Rows below which lists are so short that most of what they hold is scored. */
const ROWS_MIN = 256;
/**
 * The least share of what the lists hold that codes have to find. Codewords are as good as m and nbits let them be, which is for who asks
 * for them to decide: only what is far below is not taken.
 */
const SHARE_MIN = {
  IVF_FLAT: 0,
  BIN_IVF_FLAT: 0,
  IVF_SQ8: 0.97,
  SCANN: 0.95,
  IVF_RABITQ: 0.95,
  IVF_PQ: 0.75,
} as const satisfies Record<IvfType, number>;
/** Scores that differ by less are those of equal rows. */
const TOLERANCE = 1e-5;

/** @param block of the IVF family. @returns it, or one with the same lists and no codes */
export async function fittingIvf<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  block: Uint8Array<ArrayBuffer>,
  source: { readonly region: Region; readonly place: ExactVectors },
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const read = readIndexBlock(block);
  const least = SHARE_MIN[layoutOfMeta(read.meta).type];
  if (least === 0 || read.meta.rowCount < ROWS_MIN) return block;
  return (await shareFound(workers, read, source, signal)) < least ? withoutCodes(read) : block;
}

async function shareFound<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  block: IndexBlock,
  { region, place }: { readonly region: Region; readonly place: ExactVectors },
  signal?: AbortSignal,
): Promise<number> {
  const { dim, rowCount, metric } = block.meta;
  const layout = layoutOfMeta(block.meta);
  const nprobe = Math.max(
    PROBES_MIN,
    Math.ceil((layout.lists * LOOKED_AT * candidatesWanted(layout, NEAREST, {})) / rowCount),
  );
  const queries = new Float32Array(QUERIES * dim);
  for (let i = 0; i < QUERIES; i++) {
    const rowBegin = Math.floor((i * rowCount) / QUERIES);
    const input: VectorFloatsInput = { place, rowBegin, rowEnd: rowBegin + 1 };
    queries.set(await workers.run<Float32Array>('vectorFloats', input, [region], signal), i * dim);
  }
  const { placement, region: indexRegion } = placeIndex(
    workers,
    block,
    ivfWorkBytes(block.meta),
    workers.parallelism,
  );
  try {
    const search = (params: IndexSearchInput['params']): Promise<IndexSearchOutput> => {
      const input: IndexSearchInput = {
        index: placement,
        vectors: place,
        queries,
        k: NEAREST,
        params: { nprobe, ...params },
      };
      return workers.run<IndexSearchOutput>('ivfSearch', input, [region, indexRegion], signal);
    };
    const [usual, all] = [await search({}), await search({ reorderK: CANDIDATES_MAX })];
    return shareNear(usual, all, metric === 'L2');
  } finally {
    workers.release(indexRegion);
  }
}

/** The share of places whose score is no worse than the last of those that all candidates give. */
function shareNear(usual: IndexSearchOutput, all: IndexSearchOutput, isLess: boolean): number {
  let [at, from, found, wanted] = [0, 0, 0, 0];
  for (const [query, count] of all.counts.entries()) {
    const last = all.scores[from + count - 1] ?? 0;
    const bound = last + (isLess ? 1 : -1) * Math.abs(last) * TOLERANCE;
    const got = usual.counts[query] ?? 0;
    for (const score of usual.scores.subarray(at, at + got))
      if (isLess ? score <= bound : score >= bound) found++;
    wanted += count;
    at += got;
    from += count;
  }
  return wanted === 0 ? 1 : found / wanted;
}

function withoutCodes({ meta, sections }: IndexBlock): Uint8Array<ArrayBuffer> {
  const flat = { ...meta, indexType: 'IVF_FLAT' };
  const kept = [...ivfSections(layoutOfMeta(flat), 0).keys()];
  return encodeIndexBlock(flat, new Map([...sections].filter(([name]) => kept.includes(name))));
}
