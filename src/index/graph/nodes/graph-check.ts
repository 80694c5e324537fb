// Whether a graph block holds together: lengths of its sections, and no link that leads out of it. A block with right checksums that
// fails here was written by something else than this version; walking it could read anywhere.
import { ElanusError } from '#base/errors.js';
import type { IndexBlock, IndexMeta } from '#index/block/index-block.js';
import { sectionOf } from '#index/block/vector-index.js';
import { codeBytes, isCodeForm } from '#index/graph/codes/graph-codes.js';
import { COPY_SECTIONS, copiesIn } from './copies-of-rows.js';
import { graphParams, NIL } from './graph-layout.js';
import { decodeLevels } from './level-widths.js';

const LEVEL_MAX = 15;

/** Where the ids of layer 0 are: `length` of every `stride` of a section, in words. */
export interface LinkPlace {
  readonly section: string;
  readonly from: number;
  readonly length: number;
  readonly stride: number;
}

/** @throws data_corrupt */
export function checkGraphBlock(block: IndexBlock): void {
  const { nodes, degree, codeStride } = graphParams(block.meta);
  checkForm(block);
  checkLayers(block, { section: 'links', from: 0, length: degree * 2, stride: degree * 2 });
  sectionOf(block, 'codes', nodes * codeStride);
  decodeLevels(block);
}

/** Codes of one of the forms, in the frame. @throws data_corrupt */
export function checkForm({ meta }: IndexBlock): void {
  const { form, codeStride, step } = graphParams(meta);
  if (!isCodeForm(form) || codeStride !== codeBytes(form, meta.dim) || !(step > 0))
    throw corruptGraph(meta, `codes ${form} of ${codeStride} bytes, step ${step}`);
}

export const corruptGraph = ({ indexType }: IndexMeta, fact: string): ElanusError =>
  new ElanusError('data_corrupt', `${indexType} index: ${fact}; it has to be built again`);

/** All but the codes of nodes. @throws data_corrupt */
export function checkLayers(block: IndexBlock, links: LinkPlace): void {
  const { meta } = block;
  checkCounts(meta);
  const { nodes, degree, hasRows, upperNodes } = graphParams(meta);
  sectionOf(block, 'frame', meta.dim * 20);
  const { entry, top } = readEntry(block);
  const lists = countUpperLists(block);
  checkIds(block, { ...links, count: nodes, most: nodes, isNilAllowed: true });
  if (!isCount(upperNodes, nodes) || (top > 0 && entry >= upperNodes)) {
    throw corruptGraph(meta, `${upperNodes} nodes in upper layers, the entry is ${entry} at layer ${top}`);
  }
  checkIds(block, { section: 'upper', count: lists * degree, most: upperNodes, isNilAllowed: true });
  checkIds(block, { section: 'upperOf', count: upperNodes, most: lists + 1 });
  if (hasRows) checkIds(block, { section: 'rows', count: nodes, most: meta.rowCount });
  checkCopies(block);
  if (block.sections.has('nodeOf')) checkNodes(block);
  checkDescent(block, { entry, top, lists });
}

const isCount = (value: number, most: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= most;

function checkCounts(meta: IndexMeta): void {
  const { nodes, degree, hasRows } = graphParams(meta);
  const { rowCount, dim } = meta;
  if (!isCount(nodes, rowCount) || !isCount(degree, 2048) || degree < 2 || dim < 1)
    throw corruptGraph(meta, `${nodes} nodes of degree ${degree} for ${rowCount} rows of dim ${dim}`);
  if (!hasRows && nodes !== rowCount)
    throw corruptGraph(meta, `${nodes} nodes for ${rowCount} rows without a map`);
}

/** Where every search begins: a node and its layer. */
interface Entry {
  readonly entry: number;
  readonly top: number;
}

function readEntry(block: IndexBlock): Entry {
  const { nodes } = graphParams(block.meta);
  const header = words(block, 'header', 4);
  const [entry, top] = [header.getUint32(0, true), header.getInt32(4, true)];
  if (nodes > 0 ? !(entry < nodes && top >= 0 && top <= LEVEL_MAX) : top !== -1)
    throw corruptGraph(block.meta, `entry ${entry} at layer ${top}`);
  return { entry, top };
}

function countUpperLists({ meta, sections }: IndexBlock): number {
  const { nodes, degree } = graphParams(meta);
  const upperBytes = sections.get('upper')?.length ?? -1;
  const lists = upperBytes / (degree * 4);
  if (!isCount(lists, nodes * LEVEL_MAX)) throw corruptGraph(meta, `${upperBytes} bytes of upper lists`);
  return lists;
}

function words(block: IndexBlock, name: string, count: number): DataView {
  const bytes = sectionOf(block, name, count * 4);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface ExpectedIds extends Partial<LinkPlace> {
  readonly section: string;
  readonly count: number;
  /** Every id is less. */
  readonly most: number;
  readonly isNilAllowed?: boolean;
}

function checkIds(block: IndexBlock, expected: ExpectedIds): void {
  const { section, count, most, isNilAllowed = false, from = 0, length = 1, stride = 1 } = expected;
  const ids = words(block, section, count * stride);
  for (let i = 0; i < count; i++) {
    for (let j = i * stride + from, end = j + length; j < end; j++) {
      const id = ids.getUint32(j * 4, true);
      if (id >= most && !(isNilAllowed && id === NIL))
        throw corruptGraph(block.meta, `${section} ${j} is ${id}, expected less than ${most}`);
    }
  }
}

/** @throws data_corrupt */
export function checkCopies(block: IndexBlock): void {
  const { meta, sections } = block;
  if (!sections.has(COPY_SECTIONS.copies)) return;
  const { nodes } = graphParams(meta);
  const { rowCount } = meta;
  const countOf = (name: string): number => Math.floor((sections.get(name)?.length ?? 0) / 4);
  const groups = countOf(COPY_SECTIONS.firsts);
  const copies = countOf(COPY_SECTIONS.copies);
  if (nodes + copies > rowCount)
    throw corruptGraph(meta, `${nodes} nodes and ${copies} copies of ${rowCount} rows`);
  checkIds(block, { section: COPY_SECTIONS.firsts, count: groups, most: rowCount });
  checkIds(block, { section: COPY_SECTIONS.copies, count: copies, most: rowCount });
  const ends = words(block, COPY_SECTIONS.ends, groups);
  for (let i = 0, before = 0; i < groups || before !== copies; i++) {
    const end = i < groups ? ends.getUint32(i * 4, true) : -1;
    if (end <= before || end > copies)
      throw corruptGraph(meta, `copies of group ${i} end at ${end} of ${copies}, behind ${before}`);
    before = end;
  }
}

/** Whoever scores rows by their codes reads the codes of these nodes. */
function checkNodes(block: IndexBlock): void {
  const { meta } = block;
  const { nodes, hasRows } = graphParams(meta);
  const nodeOf = words(block, 'nodeOf', meta.rowCount);
  const rows = hasRows ? words(block, 'rows', nodes) : undefined;
  const copies = new Map(Array.from(copiesIn(block), ([first, copy]) => [copy, first]));
  for (let row = 0, listed = 0; row < meta.rowCount || listed !== nodes; row++) {
    const node = row < meta.rowCount ? nodeOf.getUint32(row * 4, true) : NIL;
    if (row >= meta.rowCount) throw corruptGraph(meta, `${listed} of ${nodes} nodes are of rows`);
    if (node === NIL) continue;
    const first = copies.get(row);
    if (first !== undefined) {
      if (nodeOf.getUint32(first * 4, true) !== node)
        throw corruptGraph(meta, `the node of row ${row} is ${node}, which is not that of row ${first}`);
      continue;
    }
    if (node >= nodes || rows?.getUint32(node * 4, true) !== row)
      throw corruptGraph(meta, `the node of row ${row} is ${node}, which is not of that row`);
    listed++;
  }
}

/** From the entry down every layer must have the lists that the walk will read: those of a node follow each other. */
function checkDescent(block: IndexBlock, { entry, top, lists }: Entry & { readonly lists: number }): void {
  if (top <= 0) return;
  const upperOf = words(block, 'upperOf', graphParams(block.meta).upperNodes);
  if (upperOf.getUint32(entry * 4, true) + top > lists)
    throw corruptGraph(block.meta, `the entry has fewer than ${top} upper lists`);
}
