// Where a graph index keeps its parts in memory: sections of the block, and the working memory of each thread.
import { alignUp } from '#base/bytes.js';
import type { IndexPlacement } from '#index/block/vector-index.js';

export const NIL = 0xffffffff;
/** Entries of a search's pool: ef, or the candidates of a filtered walk. */
export const GRAPH_POOL_MAX = 32_768;
/** Nodes scored per expansion of a walk among nodes that count. */
const REACH_MAX = 4096;
/** Behind the results: nodes that such a walk begins from, bridges of an expansion, and the nearest nodes that do not count. */
const SEEDS_BYTES = 384;
/** Offsets from the start of one thread's working memory. */
export interface WorkLayout {
  readonly visited: number;
  readonly pool: number;
  readonly results: number;
  readonly scratch: number;
  /** float32 as given, float32 framed, and in the form that codes are compared with; the last is as long as two while building. */
  readonly raw: number;
  readonly framed: number;
  readonly query: number;
  readonly queryBytes: number;
  readonly picks: number;
  readonly rows: number;
  readonly excluded: number;
  readonly bytes: number;
}

/** Size of the bits of rows that do not count. */
export const excludedBytes = (rows: number): number => Math.ceil(rows / 8) + 8;
/** @param rows of the segment, at least `nodes` */
export function workLayout(nodes: number, dim: number, degree: number, rows = nodes): WorkLayout {
  let at = 0;
  const take = (bytes: number): number => {
    const place = at;
    at += alignUp(bytes, 64);
    return place;
  };
  const queryBytes = alignUp((alignUp(dim, 64) + 64) * 4, 64);
  const layout = {
    visited: take(nodes),
    pool: take((GRAPH_POOL_MAX + 8) * 8),
    results: take((GRAPH_POOL_MAX + 8) * 8 + SEEDS_BYTES),
    scratch: take(64 + (Math.max(REACH_MAX, degree * 2) + 16) * 4),
    raw: take(queryBytes),
    framed: take(queryBytes),
    query: take(queryBytes * 2),
    queryBytes,
    picks: take((degree * 2 + 4) * 8 * 3),
    rows: take((GRAPH_POOL_MAX + 8) * 4 * 2),
    excluded: take(excludedBytes(Math.max(nodes, rows))),
    bytes: 0,
  };
  return { ...layout, bytes: at };
}

/** What the build leaves in the description of the block, beside its parameters. */
export interface GraphParams {
  readonly nodes: number;
  readonly degree: number;
  readonly form: string;
  readonly codeStride: number;
  readonly step: number;
  readonly hasRows: boolean;
  readonly isRotated: boolean;
  /** Nodes of upper layers, when they are the first; else all may be. */
  readonly upperNodes: number;
  /** Nodes are added while it is searched; `nodes` is then what fits. */
  readonly isGrowing: boolean;
  /** Then bits have room for the rows below this: more may come while it is searched, and nodes that are not there yet are of the last. Else 0. */
  readonly rowRoom: number;
}

export function graphParams(placement: Pick<IndexPlacement, 'params'>): GraphParams {
  const { nodes, degree, form, codeStride, step, hasRows, isRotated, isGrowing, rowRoom, upperNodes } =
    placement.params;
  return {
    nodes: Number(nodes),
    degree: Number(degree),
    form: String(form),
    codeStride: Number(codeStride),
    step: Number(step),
    hasRows: hasRows === true,
    isRotated: isRotated === true,
    isGrowing: isGrowing === true,
    rowRoom: Number(rowRoom ?? 0),
    upperNodes: Number(upperNodes ?? nodes),
  };
}
