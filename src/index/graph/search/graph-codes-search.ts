// Search in a graph whose vectors are not in memory: the walks are those of any graph, the scores those that codes give.
import { must } from '#base/assert.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { CodeScores } from './code-scores.js';
import { searchGraphBy } from './graph-search.js';

export type CodesSearchInput = Omit<IndexSearchInput, 'vectors'>;

/** A task: memory 0 has the index. */
export function graphCodesSearch(
  input: CodesSearchInput,
  { memories, thread }: { readonly memories: readonly WebAssembly.Memory[]; readonly thread: number },
): IndexSearchOutput {
  return searchGraphBy(
    input,
    must(memories[0], 'memory of the index'),
    thread,
    (place) => place.plainWalks,
    (place, query) => new CodeScores(place, query),
  );
}
