// Search in a graph index: the tasks that workers run, by which vectors, codes and walks.
import { must } from '#base/assert.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import type { MetricType } from '#index/block/metric.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { type RowScores, VectorScores } from '#index/flat/row-scores.js';
import type { GraphPlace } from './graph-place.js';
import { GraphQuery, type GraphSearchInput } from './graph-query.js';
import type { GraphWalks } from './graph-walks.js';

interface Context {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread: number;
}

export const graphSearch = (input: IndexSearchInput, context: Context): IndexSearchOutput =>
  searchGraph(input, context, (place) => place.plainWalks);

/** Scores by the vectors: memory 0 has them, memory 1 the index. */
export function searchGraph(
  input: IndexSearchInput,
  context: Context,
  walksOf: (place: GraphPlace) => GraphWalks,
): IndexSearchOutput {
  const { index, vectors } = input;
  const exact = { memories: [must(context.memories[0], 'memory of the vectors')], thread: context.thread };
  const scores = new VectorScores(vectors, index.metric as MetricType, index.rowCount, exact);
  return searchGraphBy(
    input,
    must(context.memories[1], 'memory of the index'),
    context.thread,
    walksOf,
    () => scores,
  );
}

export function searchGraphBy(
  input: GraphSearchInput,
  memory: WebAssembly.Memory,
  thread: number,
  walksOf: (place: GraphPlace) => GraphWalks,
  scoresOf: (place: GraphPlace, query: number) => RowScores,
): IndexSearchOutput {
  const search = new GraphQuery(input, memory, thread, walksOf, scoresOf);
  const queryCount =
    input.queries.byteLength / vectorBytes(input.index.elementType as ElementType, input.index.dim);
  const counts = new Uint32Array(queryCount);
  const rows = new Uint32Array(queryCount * input.k);
  const scores = new Float32Array(queryCount * input.k);
  let total = 0;
  for (let i = 0; i < queryCount; i++) {
    const found = search.run(i, rows, scores, total);
    counts[i] = found;
    total += found;
  }
  const { givenUp, spentMicros, wentFar } = search;
  const found =
    total === rows.length
      ? { counts, rows, scores }
      : { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
  // Without a filter there is nothing to say beside the hits.
  if (givenUp === 0 && spentMicros === 0) return found;
  const said: { -readonly [Part in keyof IndexSearchOutput]: IndexSearchOutput[Part] } = found;
  if (givenUp > 0) said.givenUp = givenUp;
  if (wentFar > 0) said.wentFar = wentFar;
  if (spentMicros > 0) said.spentMicros = spentMicros;
  return said;
}
