// What an index block of the IVF family holds: inverted lists of row numbers around trained centroids, and codes of the rows by type.
// Byte table: docs/formats/ivf-index.md. Everything is derived from the block's description, so build, check and search agree.
//
// Within a list, rows ascend. A row's score by its code is, smaller = better, whatever the metric:
//   L2     2 * (|c|^2 / 2 - q.c) + bias(row) + f(code)    the squared distance without |q|^2
//   IP     -q.c + bias(row) + f(code)                     (COSINE: of normalised vectors)
// with c the centroid of the list and a bias that the build computes, so that tables of the query serve all lists.
import { alignUp } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import type { IndexBlock, IndexMeta, IndexParameter } from '#index/block/index-block.js';
import { sectionOf } from '#index/block/vector-index.js';
import { panelFloats, panelsFor } from '#index/codebook/centroid-panels.js';
import { type PqShape, pqBiasFloats, pqBookFloats, pqShape } from '#index/codebook/pq-codebook.js';

export const ivfTypes = ['IVF_FLAT', 'IVF_SQ8', 'IVF_PQ', 'IVF_RABITQ', 'SCANN', 'BIN_IVF_FLAT'] as const;
export type IvfType = (typeof ivfTypes)[number];
export const isIvfType = (name: string): name is IvfType => (ivfTypes as readonly string[]).includes(name);

/** How rows are coded: not at all, a byte per dimension, numbers of codewords (bytes or in halves of bytes), a sign per dimension. */
export type CodeKind = 'none' | 'bytes' | 'tables' | 'nibbles' | 'signs';
const NLIST_MAX = 65_536;
export const BLOCK_ROWS = 32;
export const ROTATION_ROUNDS = 4;
/** Candidates that a search scores again at most. */
export const CANDIDATES_MAX = 65_536;
export const KEPT_ROWS = 8192;

export interface IvfLayout {
  readonly type: IvfType;
  readonly dim: number;
  readonly count: number;
  readonly lists: number;
  readonly kind: CodeKind;
  /** Bytes per row (bytes), codes per row (tables), tables of 16 (nibbles, signs); 0 for none. */
  readonly width: number;
  readonly pq?: PqShape;
  /** Dimensions after rotation, a multiple of 16; 0 without. */
  readonly turned: number;
  readonly hasMean: boolean;
  readonly hasBias: boolean;
}

/** @param count rows of the index; `lists` of them at most are made. @throws invalid_parameter */
export function layoutOf(
  type: IvfType,
  metric: string,
  dim: number,
  count: number,
  params: Readonly<Record<string, IndexParameter>>,
): IvfLayout {
  const number = (name: string, usual: number): number => Number(params[name] ?? usual);
  const nlist = number('nlist', 128);
  if (!(Number.isInteger(nlist) && nlist >= 1 && nlist <= NLIST_MAX)) {
    throw new ElanusError('invalid_parameter', `nlist is ${nlist}, expected 1 to ${NLIST_MAX}`);
  }
  const isL2 = metric === 'L2';
  const base = { type, dim, count, lists: Math.min(nlist, count), turned: 0, hasMean: isL2, hasBias: isL2 };
  switch (type) {
    case 'IVF_FLAT':
    case 'BIN_IVF_FLAT':
      return { ...base, kind: 'none', width: 0, hasBias: false };
    case 'IVF_SQ8':
      return { ...base, kind: 'bytes', width: alignUp(dim, 16) };
    case 'IVF_PQ': {
      const m = number('m', 32);
      if (dim % m !== 0)
        throw new ElanusError('invalid_parameter', `m is ${m}, expected a divisor of dim ${dim}`);
      const pq = pqShape(dim, m, number('nbits', 8), 1, count);
      return { ...base, kind: pq.nbits <= 4 ? 'nibbles' : 'tables', width: pq.tables, pq };
    }
    case 'SCANN': {
      const pq = pqShape(dim, Math.ceil(dim / 2), 4, 1, count);
      return { ...base, kind: 'nibbles', width: pq.tables, pq };
    }
    case 'IVF_RABITQ': {
      // Few dimensions get more signs than they have dimensions: padding with zeros before the rotation adds precision.
      const turned = Math.max(64, alignUp(dim, 16));
      return { ...base, kind: 'signs', width: turned / 4, turned, hasBias: true };
    }
  }
}

export const isBlocked = (kind: CodeKind): boolean => kind === 'nibbles' || kind === 'signs';
/** Codes of PQ as they lie in rows. */
const codesBytes = ({ kind, width, count, pq }: IvfLayout, blocks: number): number =>
  isBlocked(kind) ? blocks * width * 16 : count * width * (pq?.codeBytes ?? 1);

/** Sections and their bytes; `blocks` blocks of 32 rows in all. */
export function ivfSections(layout: IvfLayout, blocks: number): ReadonlyMap<string, number> {
  const { dim, count, lists, kind, pq, turned, hasMean, hasBias } = layout;
  const padded = isBlocked(kind) ? blocks * BLOCK_ROWS : count;
  const sections: [string, number][] = [
    ['centroids', panelFloats(lists, dim) * 4],
    ['list_bias', panelsFor(lists) * 32],
    ['offsets', (lists + 1) * 4],
    ['rows', count * 4],
  ];
  if (hasMean) sections.push(['mean', dim * 4]);
  if (kind !== 'none') sections.push(['codes', codesBytes(layout, blocks)]);
  if (hasBias) sections.push(['row_bias', padded * 4]);
  if (isBlocked(kind)) sections.push(['blocks', (lists + 1) * 4]);
  if (kind === 'bytes') sections.push(['lows', dim * 4], ['steps', dim * 4]);
  if (pq) sections.push(['books', pqBookFloats(pq) * 4], ['book_bias', pqBiasFloats(pq) * 4]);
  if (kind === 'signs') {
    sections.push(
      ['row_factor', padded * 4],
      ['turn_signs', ROTATION_ROUNDS * turned * 4],
      ['turned', lists * turned * 4],
    );
  }
  return new Map(sections);
}

export type IvfWork = ReturnType<typeof ivfWork>;
/** Byte offsets of a search's working memory, which starts at `base`. */
export function ivfWork(layout: IvfLayout, base = 0) {
  const { dim, count, lists, kind, width, pq, turned } = layout;
  let end = base;
  const take = (bytes: number): number => {
    const at = end;
    end += alignUp(bytes, 64);
    return at;
  };
  const floats = alignUp(Math.max(dim, pq?.padded ?? 0, turned), 16);
  const tableFloats = kind === 'signs' ? width : pq ? pq.tables * pq.entries : 0;
  return {
    query: take(floats * 4),
    turnedQuery: take(turned * 4),
    listQuery: take(turned * 4),
    shortQuery: take(kind === 'bytes' ? width * 2 : 0),
    zeros: take((pq?.entries ?? 0) * 4),
    scores: take(panelsFor(lists) * 32),
    probes: take(16 + lists * 8),
    tables: take(tableFloats * 4),
    byteTables: take(isBlocked(kind) ? width * 16 : 0),
    steps: take(16),
    top: take(16 + 8 * (kind === 'none' ? 0 : Math.min(count, CANDIDATES_MAX))),
    excluded: take(Math.ceil(count / 8) + 8),
    kept: take(KEPT_ROWS * 4),
    end: take(0),
  };
}

/** Working memory of one thread that searches the index. */
export const ivfWorkBytes = (meta: IndexMeta): number => ivfWork(layoutOfMeta(meta)).end;

/** @throws data_corrupt */
export function layoutOfMeta(meta: IndexMeta): IvfLayout {
  const { indexType, metric, elementType, dim, rowCount, params } = meta;
  if (!isIvfType(indexType) || dim < 1)
    throw corrupt(meta, `type ${indexType} of dim ${dim} is none of the IVF family`);
  const metrics = indexType === 'BIN_IVF_FLAT' ? ['HAMMING', 'JACCARD'] : ['L2', 'IP', 'COSINE'];
  const elements = indexType === 'BIN_IVF_FLAT' ? ['binary'] : ['float32', 'float16', 'bfloat16', 'int8'];
  if (!metrics.includes(metric) || !elements.includes(elementType)) {
    throw corrupt(
      meta,
      `metric ${metric} on ${elementType} vectors, expected one of ${metrics.join(', ')} on ${elements.join(', ')}`,
    );
  }
  try {
    return layoutOf(indexType, metric, dim, rowCount, params);
  } catch (error) {
    throw corrupt(meta, error instanceof Error ? error.message : String(error));
  }
}

const corrupt = (meta: IndexMeta, fact: string): ElanusError =>
  new ElanusError('data_corrupt', `${meta.indexType} index: ${fact}; the index has to be built again`);

/** Checks what a search relies on: lengths of sections, and that no number leads out of them. @throws data_corrupt */
export function checkIvfBlock(block: IndexBlock): void {
  const { meta } = block;
  const layout = layoutOfMeta(meta);
  const { lists, count, kind, pq } = layout;
  const offsets = wordsOf(sectionOf(block, 'offsets', (lists + 1) * 4));
  const blocks = blocksOf(offsets);
  for (let i = 0; i < lists; i++) {
    if ((offsets[i] as number) > (offsets[i + 1] as number))
      throw corrupt(meta, `list ${i} ends before it begins`);
  }
  if (offsets[0] !== 0 || offsets[lists] !== count)
    throw corrupt(meta, `lists hold ${offsets[lists]} rows, expected ${count}`);
  const sections = ivfSections(layout, blocks[lists] as number);
  for (const [name, bytes] of sections) sectionOf(block, name, bytes);
  if (block.sections.size !== sections.size)
    throw corrupt(meta, `${block.sections.size} sections, expected ${sections.size}`);
  for (const row of wordsOf(sectionOf(block, 'rows', count * 4))) {
    if (row >= count) throw corrupt(meta, `row ${row} of ${count}`);
  }
  if (isBlocked(kind)) {
    const stored = wordsOf(sectionOf(block, 'blocks', (lists + 1) * 4));
    if (stored.some((value, i) => value !== blocks[i]))
      throw corrupt(meta, 'blocks do not follow from the lists');
  }
  if (kind === 'tables' && pq && pq.entries < 256 ** pq.codeBytes) {
    const bytes = sectionOf(block, 'codes', codesBytes(layout, 0));
    const codes = pq.codeBytes === 1 ? bytes : new Uint16Array(new Uint8Array(bytes).buffer);
    for (const code of codes) if (code >= pq.entries) throw corrupt(meta, `code ${code} of ${pq.entries}`);
  }
}

/** Copied, because a block may lie at any address. */
const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(new Uint8Array(bytes).buffer);
/** The first block of each list, and the number of blocks. */
export function blocksOf(offsets: Uint32Array): Uint32Array {
  const blocks = new Uint32Array(offsets.length);
  for (let i = 1; i < offsets.length; i++) {
    const rows = (offsets[i] as number) - (offsets[i - 1] as number);
    blocks[i] = (blocks[i - 1] as number) + Math.ceil(rows / BLOCK_ROWS);
  }
  return blocks;
}
