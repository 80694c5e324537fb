// Exact search among named rows: the survivors of a filter, the lists of an inverted file, the candidates of an index to be scored again.
// A task like flatSearch, with the same scores to the last bit; rows are fetched ahead of their turn, as they lie far apart.
import type { SearchOutput } from '#index/block/search-output.js';
import { FlatQueries, type FlatSearchContext } from './flat-queries.js';
import { checkNorms, type FlatSearchInput } from './flat-search.js';

export interface FlatIdsInput extends Omit<FlatSearchInput, 'rowBegin' | 'rowEnd' | 'excluded'> {
  /** Row numbers in any order (ascending is fastest), each once; the same for all queries. */
  readonly ids: Uint32Array;
}

/** Row numbers that are in scratch at a time. */
const CHUNK_IDS = 8192;
/** All rows lie one after the other. */
export const NO_BLOCKS = { rows: 0xffffffff, bytes: 0 };

export function flatIds(input: FlatIdsInput, context: FlatSearchContext): SearchOutput {
  const { ids, dim, vectorsOffset, inverseNormsOffset: norms = 0, blocks = NO_BLOCKS } = input;
  const state = new FlatQueries(input, context, ids.length, Math.min(CHUNK_IDS, ids.length) * 4);
  checkNorms(input);
  const { kernel, element, metric, queries, queryStride, tops, topStride, own, low, high, views } = state;
  return state.collect((group) => {
    for (let begin = 0; begin < ids.length; begin += CHUNK_IDS) {
      const chunk = ids.length <= CHUNK_IDS ? ids : ids.subarray(begin, begin + CHUNK_IDS);
      views.words.set(chunk, own >>> 2);
      for (let i = 0; i < group; i++) {
        const at = queries + i * queryStride;
        const top = tops + i * topStride;
        kernel.scanIds(
          element,
          metric,
          dim,
          vectorsOffset,
          norms,
          blocks.rows,
          blocks.bytes,
          own,
          chunk.length,
          at,
          top,
          0,
          low,
          high,
        );
      }
    }
  });
}
