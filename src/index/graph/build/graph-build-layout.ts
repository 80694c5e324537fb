// Where everything is while a graph is built: codes, lists with the keys of their links, locks, and the final forms, which take the place
// of what is no longer needed when they are written.
import { alignUp } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { DATA_OFFSET, REGION_BYTES_MAX, WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import { type CodeForm, codeBytes } from '#index/graph/codes/graph-codes.js';
import { workLayout } from '#index/graph/nodes/graph-layout.js';
import { recordLayout } from '#index/graph/nodes/qg-layout.js';

/** Addresses. */
export interface BuildLayout {
  readonly frame: number;
  readonly header: number;
  readonly codes: number;
  readonly codeStride: number;
  readonly links: number;
  readonly linkBytes: number;
  readonly linkKeys: number;
  /** Lists of layer 0 and header of a graph by distance, beside one by inner products; 0: none is made. */
  readonly nearLinks: number;
  readonly nearHeader: number;
  /** Where both grow: keys of those links, and the lists of both as one, which searches read; 0: they do not. */
  readonly nearKeys: number;
  readonly mergedLinks: number;
  readonly upper: number;
  readonly upperBytes: number;
  readonly upperOf: number;
  readonly levels: number;
  readonly locks: number;
  readonly rows: number;
  readonly order: number;
  readonly inverse: number;
  readonly finalLinks: number;
  readonly finalUpper: number;
  readonly finalUpperOf: number;
  readonly finalRows: number;
  /** Codes, or the records of a quantised graph. */
  readonly finalCodes: number;
  readonly finalBytes: number;
  /** Codes of the nodes of upper layers, in a quantised graph. */
  readonly upperCodes: number;
  readonly work: number;
  readonly workBytes: number;
  readonly total: number;
}

/** @param rows that bits of searches have room for */
export function layoutBuild(
  spec: {
    readonly dim: number;
    readonly degree: number;
    readonly form: CodeForm;
    /** The codes that the graph is made by; default 8 bits. */
    readonly by?: 'SQ8' | 'FP32';
    readonly bits?: number;
    readonly codeStride?: number;
    /** Links by distance may be wanted, too. */
    readonly hasNearLinks?: boolean;
    /** They are kept beside the others, as both grow. */
    readonly growsNearLinks?: boolean;
  },
  nodes: number,
  lists: number,
  threads: number,
  rows = nodes,
): BuildLayout {
  const { dim, degree, form, bits, by = 'SQ8' } = spec;
  const finalStride = spec.codeStride ?? codeBytes(form, dim);
  let at = DATA_OFFSET;
  const take = (bytes: number): number => {
    const place = at;
    at += alignUp(bytes, 64);
    return place;
  };
  const linkBytes = nodes * degree * 8;
  const upperBytes = lists * degree * 4;
  const codeStride = codeBytes(by, dim);
  const parts = {
    frame: take(5 * dim * 4),
    header: take(64),
    links: take(linkBytes),
    linkKeys: take(linkBytes),
    nearLinks: spec.hasNearLinks === true ? take(linkBytes) : 0,
    nearHeader: spec.hasNearLinks === true ? take(64) : 0,
    nearKeys: spec.growsNearLinks === true ? take(linkBytes) : 0,
    mergedLinks: spec.growsNearLinks === true ? take(linkBytes) : 0,
    codes: take(nodes * codeStride),
    upper: take(upperBytes),
    upperOf: take(nodes * 4),
    levels: take(nodes),
    locks: take(nodes * 4),
    rows: take(nodes * 4),
    order: take(nodes * 4),
    inverse: take(nodes * 4),
    finalUpper: take(upperBytes),
    finalUpperOf: take(nodes * 4),
    finalRows: take(nodes * 4),
  };
  // After insertion the keys of links are not needed, and 8-bit codes of the old order only if they are as large as the final ones.
  // Records are made from them.
  const finalBytes = nodes * (bits ? recordLayout(dim, degree, bits).bytes : finalStride);
  const finalCodes = !bits && finalBytes <= nodes * codeStride ? parts.codes : take(finalBytes);
  const upperCodes = take(bits ? lists * codeStride : 0);
  const workBytes = workLayout(nodes, dim, degree, rows).bytes;
  const work = take(workBytes * threads);
  const total = alignUp(at, WASM_PAGE_BYTES);
  if (total > REGION_BYTES_MAX) {
    throw new ElanusError(
      'memory_limit',
      `building a graph over ${nodes} vectors of dim ${dim} with M ${degree} takes ${total} bytes, one segment may take ${REGION_BYTES_MAX}; use smaller segments or a smaller M`,
    );
  }
  return {
    ...parts,
    codeStride,
    linkBytes,
    upperBytes,
    finalLinks: parts.linkKeys,
    finalCodes,
    finalBytes,
    upperCodes,
    work,
    workBytes,
    total,
  };
}
