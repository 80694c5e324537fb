// Whether a block of a graph by product codes holds together; see graph-check.ts. Codewords may have any value: they only misguide. A
// code must name a place that its table has, or the sum would read another's.

import type { IndexBlock, IndexMeta } from '#index/block/index-block.js';
import { sectionOf } from '#index/block/vector-index.js';
import { pqBiasFloats, pqBookFloats } from '#index/codebook/pq-codebook.js';
import { checkLayers, corruptGraph } from '#index/graph/nodes/graph-check.js';
import { GRAPH_PQ_FORM, type GraphPqParams, graphPqParams } from './graph-pq-layout.js';

/** @throws data_corrupt */
export function checkGraphPqBlock(block: IndexBlock): void {
  const { meta } = block;
  const { nodes, degree, form, codeStride, shape, stride, numberBytes } = paramsOf(meta);
  if (form !== GRAPH_PQ_FORM || codeStride !== stride)
    throw corruptGraph(meta, `codes ${form} of ${codeStride} bytes, expected ${stride}`);
  checkLayers(block, { section: 'links', from: 0, length: degree * 2, stride: degree * 2 });
  sectionOf(block, 'books', pqBookFloats(shape) * 4);
  sectionOf(block, 'book_bias', pqBiasFloats(shape) * 4);
  const codes = sectionOf(block, 'codes', nodes * stride);
  const { tables, entries } = shape;
  if (entries === 256 ** numberBytes) return;
  for (let node = 0; node < nodes; node++) {
    for (let i = 0, at = node * stride; i < tables; i++, at += numberBytes) {
      const number =
        numberBytes === 1 ? (codes[at] as number) : (codes[at] as number) | ((codes[at + 1] as number) << 8);
      if (number >= entries)
        throw corruptGraph(meta, `code ${i} of node ${node} is ${number}, expected less than ${entries}`);
    }
  }
}

function paramsOf(meta: IndexMeta): GraphPqParams {
  try {
    return graphPqParams(meta);
  } catch (error) {
    throw corruptGraph(meta, error instanceof Error ? error.message : String(error));
  }
}
