// The codes of HNSW_PQ and HNSW_PRQ: numbers of codewords, a byte each, or two where a table has more than 256. Where codes are sums of
// levels and distances are wanted, half the squared length of what the code stands for follows as a float32: the levels are not
// orthogonal, so it cannot be computed from their tables. Everything is derived from the block's description.
import { ElanusError } from '#base/errors.js';
import type { IndexMeta } from '#index/block/index-block.js';
import { type PqShape, pqShape } from '#index/codebook/pq-codebook.js';
import { type GraphParams, graphParams, workLayout } from '#index/graph/nodes/graph-layout.js';
import { PQ_TABLE_BYTES_MAX } from '#model/params/index-types.js';

export const GRAPH_PQ_FORM = 'PQ';
export interface GraphPqSpec {
  readonly m: number;
  readonly nbits: number;
  /** 1: HNSW_PQ; levels of HNSW_PRQ. */
  readonly levels: number;
}

export interface GraphPqLayout {
  readonly shape: PqShape;
  /** Bytes of one number: 1 or 2. */
  readonly numberBytes: number;
  readonly hasBias: boolean;
  /** Bytes of a node. */
  readonly stride: number;
  /** Bytes of a query's tables: each thread has room for one query. */
  readonly tableBytes: number;
}

/** @throws invalid_parameter */
export function graphPqLayout(
  dim: number,
  { m, nbits, levels }: GraphPqSpec,
  metric: string,
  nodes: number,
): GraphPqLayout {
  if (dim % m !== 0)
    throw new ElanusError('invalid_parameter', `m is ${m}, expected a divisor of dim ${dim}`);
  const shape = pqShape(dim, m, nbits, levels, nodes);
  const tableBytes = shape.tables * shape.entries * 4;
  if (tableBytes > PQ_TABLE_BYTES_MAX) {
    throw new ElanusError(
      'invalid_parameter',
      `m ${m}, nbits ${nbits}${levels > 1 ? `, nrq ${levels}` : ''}: the tables of a query take ${tableBytes} bytes, expected at most ${PQ_TABLE_BYTES_MAX}; use smaller nbits, 8 suits most data`,
    );
  }
  const numberBytes = shape.entries <= 256 ? 1 : 2;
  const hasBias = levels > 1 && metric !== 'IP';
  return { shape, numberBytes, hasBias, stride: shape.tables * numberBytes + (hasBias ? 4 : 0), tableBytes };
}

export interface GraphPqParams extends GraphParams, GraphPqLayout {}
/** @throws invalid_parameter when the description cannot be of such an index. */
export function graphPqParams(meta: Pick<IndexMeta, 'params' | 'dim' | 'metric'>): GraphPqParams {
  const { m, nbits, nrq = 1 } = meta.params;
  const params = graphParams(meta);
  const spec = { m: Number(m), nbits: Number(nbits), levels: Number(nrq) };
  return { ...params, ...graphPqLayout(meta.dim, spec, meta.metric, params.nodes) };
}

/** Working memory of one thread: that of any graph, and behind it the tables of a query. */
export function graphPqWork(meta: Pick<IndexMeta, 'params' | 'dim' | 'metric' | 'rowCount'>): {
  readonly tables: number;
  readonly bytes: number;
} {
  const { nodes, degree, tableBytes } = graphPqParams(meta);
  const tables = workLayout(nodes, meta.dim, degree, meta.rowCount).bytes;
  return { tables, bytes: tables + tableBytes };
}
