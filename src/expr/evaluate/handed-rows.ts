// Rows of a segment that another thread evaluates: a filter, the columns it reads, and which rows. Columns lie in shared memory, so a task is
// small; what a thread made of a filter it keeps for the next rows of the same evaluation.
import { type HandedPredicate, takePredicate } from '#expr/handed-filter.js';
import type { ColumnView } from './column-view.js';
import { FilterEvaluator } from './filter-evaluator.js';

export interface HandedRows extends HandedPredicate {
  /** The evaluation that these rows are of; no other in the process has its number. */
  readonly evaluation: number;
  /** The columns that the predicate reads; of a field without one every row is null. */
  readonly views: ReadonlyMap<bigint, ColumnView>;
  readonly begin: number;
  readonly end: number;
  /** As in `FilterEvaluator.evaluate`. */
  readonly among: Uint32Array | undefined;
}

export interface EvaluatedRows {
  readonly bits: Uint32Array;
  readonly passing: number;
}

/** Evaluations that a thread has made ready. They are not held: columns of a segment that goes must not stay for them. */
const ready = new Map<number, WeakRef<FilterEvaluator>>();
const READY_MAX = 8;

export function evaluateRows(rows: HandedRows): EvaluatedRows {
  const { begin, end, among } = rows;
  const bits = new Uint32Array(Math.ceil((end - begin) / 32));
  return { bits, passing: evaluatorOf(rows).evaluate(begin, end, bits, among) };
}

function evaluatorOf({ evaluation, predicate, tables, views }: HandedRows): FilterEvaluator {
  const known = ready.get(evaluation)?.deref();
  if (known !== undefined) return known;
  const source = { view: (fieldId: bigint) => views.get(fieldId) };
  const evaluator = new FilterEvaluator(takePredicate({ predicate, tables }), source);
  ready.set(evaluation, new WeakRef(evaluator));
  const [oldest] = ready.keys();
  if (ready.size > READY_MAX && oldest !== undefined) ready.delete(oldest);
  return evaluator;
}
