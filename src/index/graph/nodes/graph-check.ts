// Whether a graph block holds together: lengths of its sections, and no link that leads out of it. A block with right checksums that
// fails here was written by something else than this version; walking it could read anywhere.
import { ElanusError } from '#base/errors.js';
import type { IndexBlock, IndexMeta } from '#index/block/index-block.js';
import { sectionOf } from '#index/block/vector-index.js';
import { codeBytes, isCodeForm } from '#index/graph/codes/graph-codes.js';
import { COPY_SECTIONS } from './copies-of-rows.js';
import { graphParams, NIL } from './graph-layout.js';

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
  const { nodes, degree, hasRows, upperNodes } = graphParams(meta);
  const corrupt = (fact: string): ElanusError => corruptGraph(meta, fact);
  const isCount = (value: number, most: number): boolean =>
    Number.isInteger(value) && value >= 0 && value <= most;
  if (!isCount(nodes, meta.rowCount) || !isCount(degree, 2048) || degree < 2 || meta.dim < 1) {
    throw corrupt(`${nodes} nodes of degree ${degree} for ${meta.rowCount} rows of dim ${meta.dim}`);
  }
  if (!hasRows && nodes !== meta.rowCount)
    throw corrupt(`${nodes} nodes for ${meta.rowCount} rows without a map`);
  const words = (name: string, count: number): DataView => {
    const bytes = sectionOf(block, name, count * 4);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  sectionOf(block, 'frame', meta.dim * 20);
  const header = words('header', 4);
  const [entry, top] = [header.getUint32(0, true), header.getInt32(4, true)];
  if (nodes > 0 ? !(entry < nodes && top >= 0 && top <= LEVEL_MAX) : top !== -1)
    throw corrupt(`entry ${entry} at layer ${top}`);
  const upperBytes = block.sections.get('upper')?.length ?? -1;
  const lists = upperBytes / (degree * 4);
  if (!isCount(lists, nodes * LEVEL_MAX)) throw corrupt(`${upperBytes} bytes of upper lists`);
  const checkIds = (
    name: string,
    count: number,
    most: number,
    isNilAllowed: boolean,
    place = { from: 0, length: 1, stride: 1 },
  ): void => {
    const ids = words(name, count * place.stride);
    for (let i = 0; i < count; i++) {
      for (let j = i * place.stride + place.from, end = j + place.length; j < end; j++) {
        const id = ids.getUint32(j * 4, true);
        if (id >= most && !(isNilAllowed && id === NIL))
          throw corrupt(`${name} ${j} is ${id}, expected less than ${most}`);
      }
    }
  };
  checkIds(links.section, nodes, nodes, true, links);
  if (!isCount(upperNodes, nodes) || (top > 0 && entry >= upperNodes)) {
    throw corrupt(`${upperNodes} nodes in upper layers, the entry is ${entry} at layer ${top}`);
  }
  checkIds('upper', lists * degree, upperNodes, true);
  checkIds('upperOf', upperNodes, lists + 1, false);
  if (hasRows) checkIds('rows', nodes, meta.rowCount, false);
  if (block.sections.has('nodeOf')) checkNodes();
  if (block.sections.has(COPY_SECTIONS.copies)) checkCopies();
  checkDescent(entry, top);
  function checkCopies(): void {
    const countOf = (name: string): number => Math.floor((block.sections.get(name)?.length ?? 0) / 4);
    const groups = countOf(COPY_SECTIONS.firsts);
    const copies = countOf(COPY_SECTIONS.copies);
    if (nodes + copies > meta.rowCount)
      throw corrupt(`${nodes} nodes and ${copies} copies of ${meta.rowCount} rows`);
    checkIds(COPY_SECTIONS.firsts, groups, meta.rowCount, false);
    checkIds(COPY_SECTIONS.copies, copies, meta.rowCount, false);
    const ends = words(COPY_SECTIONS.ends, groups);
    for (let i = 0, before = 0; i < groups || before !== copies; i++) {
      const end = i < groups ? ends.getUint32(i * 4, true) : -1;
      if (end <= before || end > copies)
        throw corrupt(`copies of group ${i} end at ${end} of ${copies}, behind ${before}`);
      before = end;
    }
  }
  /** Whoever scores rows by their codes reads the codes of these nodes. */
  function checkNodes(): void {
    const nodeOf = words('nodeOf', meta.rowCount);
    const rows = hasRows ? words('rows', nodes) : undefined;
    for (let row = 0, listed = 0; row < meta.rowCount || listed !== nodes; row++) {
      const node = row < meta.rowCount ? nodeOf.getUint32(row * 4, true) : NIL;
      if (row >= meta.rowCount) throw corrupt(`${listed} of ${nodes} nodes are of rows`);
      if (node === NIL) continue;
      if (node >= nodes || rows?.getUint32(node * 4, true) !== row)
        throw corrupt(`the node of row ${row} is ${node}, which is not of that row`);
      listed++;
    }
  }
  // From the entry down every layer must have the lists that the walk will read: those of a node follow each other.
  function checkDescent(first: number, layers: number): void {
    if (layers <= 0) return;
    const upperOf = words('upperOf', upperNodes);
    if (upperOf.getUint32(first * 4, true) + layers > lists)
      throw corrupt(`the entry has fewer than ${layers} upper lists`);
  }
}
