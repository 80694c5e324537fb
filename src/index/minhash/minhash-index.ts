// MINHASH_LSH: rows whose signatures agree in a whole band of elements meet in that band's bucket. For each band, the hashes of all rows'
// bands in ascending order beside their rows, so a bucket is found by halving. One index block (index-block.ts) of two sections:
// `hashes` uint32[bands x rows] and `rows` uint32[bands x rows], band after band, equal hashes by row.
import { ElanusError } from '#base/errors.js';
import { encodeIndexBlock, type IndexBlock, type IndexMeta } from '#index/block/index-block.js';
import { type IndexWorkers, type LoadedIndex, placeIndex, sectionOf } from '#index/block/vector-index.js';

export const MINHASH_INDEX_TYPE = 'MINHASH_LSH';
const elementBitWidths = [8, 16, 32, 64] as const;

export interface MinhashShape {
  /** Bits of a signature. */
  readonly dim: number;
  /** Bits of one element of it: 8, 16, 32 or 64. */
  readonly elementBits: number;
  /** Groups of elements that are hashed together, at most as many as elements. */
  readonly bands: number;
}

export interface MinhashBuildInput extends MinhashShape {
  /** Signatures, dim / 8 bytes each. */
  readonly data: Uint8Array;
}

export const elementsOf = ({ dim, elementBits }: Pick<MinhashShape, 'dim' | 'elementBits'>): number =>
  dim / elementBits;
/** Why there is no such index; undefined when there is. */
export function shapeProblem({ dim, elementBits, bands }: MinhashShape): string | undefined {
  if (!elementBitWidths.some((width) => width === elementBits))
    return `mh_element_bit_width is ${elementBits}, expected 8, 16, 32 or 64`;
  if (!(Number.isInteger(dim) && dim > 0 && dim % elementBits === 0))
    return `dim is ${dim}, expected a multiple of mh_element_bit_width ${elementBits}`;
  const elements = dim / elementBits;
  return Number.isInteger(bands) && bands >= 1 && bands <= elements
    ? undefined
    : `mh_lsh_band is ${bands}, expected 1 to ${elements}, the elements of a signature`;
}

/** The bytes of a signature that make its band: elements are dealt out evenly, in order. */
export function bandBytes(
  shape: MinhashShape,
  band: number,
): { readonly begin: number; readonly end: number } {
  const elements = elementsOf(shape);
  const at = (one: number): number => Math.floor((one * elements) / shape.bands) * (shape.elementBits / 8);
  return { begin: at(band), end: at(band + 1) };
}

/** FNV-1a with a final mix. Part of the file format. */
export function bandHash(bytes: Uint8Array, begin: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = begin; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** A task: runs on any thread. @throws invalid_parameter */
export function minhashBuild(input: MinhashBuildInput): Uint8Array<ArrayBuffer> {
  const { data, dim, elementBits, bands } = input;
  const problem = shapeProblem(input);
  if (problem !== undefined)
    throw new ElanusError('invalid_parameter', `${problem}; create the index with other parameters`);
  const rowBytes = dim / 8;
  const rowCount = Math.floor(data.length / rowBytes);
  const hashes = new Uint32Array(bands * rowCount);
  const rows = new Uint32Array(bands * rowCount);
  // Row in the low half and hash in the high one: sorting the whole numbers sorts by hash, then by row.
  const pairs = new BigUint64Array(rowCount);
  const halves = new Uint32Array(pairs.buffer);
  for (let band = 0; band < bands; band++) {
    const { begin, end } = bandBytes(input, band);
    for (let row = 0; row < rowCount; row++) {
      halves[row * 2] = row;
      halves[row * 2 + 1] = bandHash(data, row * rowBytes + begin, row * rowBytes + end);
    }
    pairs.sort();
    for (let at = 0; at < rowCount; at++) {
      rows[band * rowCount + at] = halves[at * 2] as number;
      hashes[band * rowCount + at] = halves[at * 2 + 1] as number;
    }
  }
  const meta = { indexType: MINHASH_INDEX_TYPE, metric: 'MHJACCARD', elementType: 'binary', dim, rowCount };
  const sections = new Map([
    ['hashes', new Uint8Array(hashes.buffer)],
    ['rows', new Uint8Array(rows.buffer)],
  ]);
  return encodeIndexBlock(
    { ...meta, params: { mh_element_bit_width: elementBits, mh_lsh_band: bands } },
    sections,
  );
}

/** @throws data_corrupt */
export function minhashShape(meta: IndexMeta): MinhashShape {
  const { dim, params } = meta;
  const shape = { dim, elementBits: Number(params.mh_element_bit_width), bands: Number(params.mh_lsh_band) };
  const problem =
    meta.indexType === MINHASH_INDEX_TYPE && meta.elementType === 'binary'
      ? shapeProblem(shape)
      : `its type is ${meta.indexType}`;
  if (problem === undefined) return shape;
  throw new ElanusError(
    'data_corrupt',
    `a ${MINHASH_INDEX_TYPE} index does not fit: ${problem}; the index has to be built again`,
  );
}

/**
 * Copies a decoded block into a region of its own and checks what searches rely on. The caller releases the region.
 * @throws data_corrupt; memory_limit
 */
export function loadMinhashIndex<Region extends { readonly memory: WebAssembly.Memory }>(
  workers: IndexWorkers<Region>,
  block: IndexBlock,
): LoadedIndex<Region> {
  const { bands } = minhashShape(block.meta);
  const { rowCount } = block.meta;
  for (const name of ['hashes', 'rows']) sectionOf(block, name, bands * rowCount * 4);
  const loaded = placeIndex(workers, block, 0, 0);
  const { hashes, rows } = minhashLists(loaded.region.memory, loaded.placement);
  const seen = new Uint32Array(rowCount);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as number;
    const band = Math.floor(at / rowCount);
    const isFirst = at % rowCount === 0;
    const isOrdered =
      isFirst ||
      (hashes[at] as number) > (hashes[at - 1] as number) ||
      (hashes[at] === hashes[at - 1] && row > (rows[at - 1] as number));
    // Every row once in each band: seen in all bands before this one, and not yet in this one.
    if (row < rowCount && isOrdered && seen[row] === band) {
      seen[row] = band + 1;
      continue;
    }
    workers.release(loaded.region);
    throw new ElanusError(
      'data_corrupt',
      `a ${MINHASH_INDEX_TYPE} index has band ${band} out of order; the index has to be built again`,
    );
  }
  return loaded;
}

export function minhashLists(
  memory: WebAssembly.Memory,
  placement: LoadedIndex['placement'],
): { readonly hashes: Uint32Array; readonly rows: Uint32Array } {
  const view = (name: string): Uint32Array => {
    const { offset, bytes } = placement.sections[name] ?? { offset: 0, bytes: 0 };
    return new Uint32Array(memory.buffer, offset, bytes >> 2);
  };
  return { hashes: view('hashes'), rows: view('rows') };
}
