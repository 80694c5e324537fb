// Search in a graph by product codes: a query becomes tables, one for each subquantiser and level, and a node's distance is a sum of
// entries. The rest (plans, ranges, exact scores) is as in any graph.
import { must } from '#base/assert.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { ivfKernel } from '#index/codebook/ivf-kernel.js';
import { searchGraph } from '#index/graph/search/graph-search.js';
import { countingWalks, type GraphIndexPlace, type GraphWalks } from '#index/graph/search/graph-walks.js';
import { graphPqParams, graphPqWork } from './graph-pq-layout.js';

export const graphPqSearch = (
  input: IndexSearchInput,
  context: { memories: readonly WebAssembly.Memory[]; thread: number },
): IndexSearchOutput => {
  const memory = must(context.memories[1], 'memory of the index');
  return searchGraph(input, context, (place) => walksOf(place, memory));
};

/**
 * How many found rows are worth an exact score, by the bits that a code has for each dim: with 4 the nearest lie among the first few,
 * with 2 among some times k; coarser codes only say which rows to look at, and all that the walk found are (measured, see the README of
 * kernels/graph).
 */
const rescoredBy = (bits: number, k: number): number =>
  bits >= 4 ? 2 * k + 20 : bits >= 2 ? 8 * k + 20 : Number.POSITIVE_INFINITY;
/** Modes of the kernel: numbers alone, and with a float32 behind them. */
const MODE = 12;
const BIASED_MODE = 13;

function walksOf({ index, kernel, at, work }: GraphIndexPlace, memory: WebAssembly.Memory): GraphWalks {
  const { shape, stride, hasBias, degree } = graphPqParams(index);
  const { m, partDim, entries, tables } = shape;
  const offsetOf = (name: string): number => must(index.sections[name], `section ${name}`).offset;
  const [codes, books, bias] = [offsetOf('codes'), offsetOf('books'), offsetOf('book_bias')];
  const query = at + graphPqWork(index).tables;
  const framed = at + work.framed;
  const floats = ivfKernel.on(memory);
  return {
    codes: { offset: codes, stride },
    links: { offset: offsetOf('links'), stride: degree * 8 },
    own: {
      query,
      use: () => kernel.useCodes(hasBias ? BIASED_MODE : MODE, tables, codes, stride, entries),
      rescored: (k) => rescoredBy((tables * shape.nbits) / index.dim, k),
    },
    // Half the squared length of a codeword (zero where that is not what is asked for) minus its product with the query: half the
    // squared distance, but for the query's own length, which is the same for all nodes.
    prepare: () => {
      for (let table = 0; table < tables; table++) {
        const [first, part] = [table * entries, framed + (table % m) * partDim * 4];
        floats.scoreAll(
          part,
          partDim,
          books + first * partDim * 4,
          entries / 8,
          bias + first * 4,
          query + first * 4,
        );
      }
    },
    walk: (ef, _wanted, kept) => ({ isResults: false, count: kernel.searchKeeping(query, ef, kept) }),
    ...countingWalks(kernel, query),
  };
}
