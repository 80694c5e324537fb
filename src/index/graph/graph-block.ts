// The block of a graph that is built: what is said about it, and its sections, which are copied out of the region of the build.
import { type Crc32, encodeIndexBlock } from '#index/block/index-block.js';
import type { RowCopies } from '#index/graph/build/row-copies.js';
import { COPY_SECTIONS } from '#index/graph/nodes/copies-of-rows.js';
import { NIL } from '#index/graph/nodes/graph-layout.js';
import { LEVELS_BYTES, LEVELS_SECTION } from '#index/graph/nodes/level-widths.js';
import { GRAPH_PQ_FORM } from '#index/graph/pq/graph-pq-layout.js';
import type { BuildPlan } from './build-plan.js';
import type { ChosenCodes } from './code-choice.js';

type Sections = readonly (readonly [name: string, bytes: Uint8Array])[];

export interface BuiltGraph {
  readonly plan: BuildPlan;
  readonly codes: ChosenCodes;
  /** Nodes of upper layers, which are the first. */
  readonly upperNodes: number;
  /** Sections of codewords. */
  readonly books: ReadonlyMap<string, Uint8Array>;
}

/** Records lie far apart: the codes in which every search begins are kept side by side as well. */
export const hasUpperCodes = ({ spec, isOrdered }: BuildPlan): boolean =>
  spec.bits !== undefined && isOrdered;

/** @param memory of the build. @param sumOf the runtime's CRC-32 */
export function graphBlock(
  memory: WebAssembly.Memory,
  built: BuiltGraph,
  sumOf?: Crc32,
): Uint8Array<ArrayBuffer> {
  const { plan, codes, upperNodes, books } = built;
  const { spec, nodes, isOrdered, isRotated, pq, layout } = plan;
  const { indexType, metric, elementType, dim, rowCount, degree } = spec;
  const { form, step, stride } = codes;
  const hasRows = isOrdered || nodes !== rowCount;
  const section = (offset: number, bytes: number): Uint8Array => new Uint8Array(memory.buffer, offset, bytes);
  const params = {
    ...spec.params,
    nodes,
    degree,
    codeStride: stride,
    hasRows,
    ...(isOrdered && { upperNodes }),
    ...(pq ? { form: GRAPH_PQ_FORM, isRotated: false } : { form, step, isRotated }),
  };
  const sections: Sections = [
    ['header', section(layout.header, 16)],
    ['frame', section(layout.frame, plan.frame.length * 4)],
    ['upperOf', section(layout.finalUpperOf, (isOrdered ? upperNodes : nodes) * 4)],
    ['upper', section(layout.finalUpper, layout.upperBytes)],
    ...layerSections(plan, stride, section),
    ...(hasUpperCodes(plan)
      ? [['upperCodes', section(layout.upperCodes, upperNodes * layout.codeStride)] as const]
      : []),
    ...books,
    ...copySections(plan.copies),
    ...(spec.learnsLevels === true ? [[LEVELS_SECTION, new Uint8Array(LEVELS_BYTES)] as const] : []),
    ...(hasRows ? [['rows', section(layout.finalRows, nodes * 4)] as const] : []),
    ...(hasRows && spec.isScored
      ? [
          [
            'nodeOf',
            nodesOfRows(new Uint32Array(memory.buffer, layout.finalRows, nodes), rowCount, plan.copies),
          ] as const,
        ]
      : []),
  ];
  return encodeIndexBlock(
    { indexType, metric, elementType, dim, rowCount, params },
    new Map(sections),
    sumOf,
  );
}

/** Links and codes of layer 0, or the records that hold both. */
function layerSections(
  { spec, nodes, layout }: BuildPlan,
  stride: number,
  section: (offset: number, bytes: number) => Uint8Array,
): Sections {
  if (spec.bits) return [['records', section(layout.finalCodes, layout.finalBytes)]];
  return [
    ['links', section(layout.finalLinks, nodes * spec.degree * 8)],
    ['codes', section(layout.finalCodes, nodes * stride)],
  ];
}

function copySections(copies: RowCopies | undefined): Sections {
  if (copies === undefined) return [];
  return (['firsts', 'ends', 'copies'] as const).map(
    (part) => [COPY_SECTIONS[part], new Uint8Array(copies[part].buffer)] as const,
  );
}

/** NIL where a row has no vector. */
function nodesOfRows(rows: Uint32Array, rowCount: number, copies: RowCopies | undefined): Uint8Array {
  const nodeOf = new Uint32Array(rowCount).fill(NIL);
  for (const [node, row] of rows.entries()) nodeOf[row] = node;
  for (let group = 0, at = 0; copies !== undefined && group < copies.firsts.length; group++) {
    const node = nodeOf[copies.firsts[group] as number] as number;
    for (const end = copies.ends[group] as number; at < end; at++) nodeOf[copies.copies[at] as number] = node;
  }
  return new Uint8Array(nodeOf.buffer);
}
