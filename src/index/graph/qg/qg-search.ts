// Search in a quantised graph: the walks read one record a step, and only nodes whose records were read, with the distances of their own
// 8-bit codes, become candidates. The rest (plans, ranges, exact scores) is as in any graph.

import { must } from '#base/assert.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { IN_QUESTION } from '#index/graph/codes/graph-codes.js';
import { GRAPH_POOL_MAX } from '#index/graph/nodes/graph-layout.js';
import { qgParams, recordLayout } from '#index/graph/nodes/qg-layout.js';
import { searchGraph } from '#index/graph/search/graph-search.js';
import type { GraphIndexPlace, GraphWalks } from '#index/graph/search/graph-walks.js';

export const qgSearch = (
  input: IndexSearchInput,
  context: { memories: readonly WebAssembly.Memory[]; thread: number },
): IndexSearchOutput => searchGraph(input, context, walksOf);

/** Own codes of 8 bits order candidates nearly as the vectors do: some more than k are scored exactly, and what they leave in question. */
const keptOf = (k: number): number => Math.min(GRAPH_POOL_MAX, IN_QUESTION * (k + Math.max(10, k >> 3)));

function walksOf({ index, kernel, at, work, isIp }: GraphIndexPlace): GraphWalks {
  const { degree, bits, codeStride } = qgParams(index);
  const { dim } = index;
  const { dims, slots, idsAt, bytes } = recordLayout(dim, degree, bits);
  const records = must(index.sections.records, 'section records').offset;
  const { upperCodes } = index.sections;
  const query = at + work.query;
  // The second half of the query's room is free when nothing is built.
  kernel.useRecords(records, bytes, dims, slots, bits, isIp ? 1 : 0, query + work.queryBytes);
  return {
    codes: { offset: records, stride: bytes },
    ...(upperCodes && { upperCodes: { offset: upperCodes.offset, stride: codeStride } }),
    links: { offset: records + idsAt, stride: bytes },
    hasFloatResults: true,
    prepare: (scale) => kernel.makeTable(at + work.framed, dim, scale),
    walk: (ef, wanted) => ({
      isResults: true,
      count: kernel.searchRecords(query, ef, Math.min(ef, keptOf(wanted))),
    }),
    walkCounting: ({ narrow, wide, far, excluded, farBelow, sampled, budget }) =>
      kernel.searchRecordsCounting(query, narrow, wide, far, excluded, farBelow, sampled, budget),
  };
}
