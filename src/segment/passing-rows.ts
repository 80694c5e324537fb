// Which rows of a segment a filter lets pass, growing and sealed alike: what indexes, keys and whole blocks know comes first, then columns are
// read run by run into bits (`filters/`). Rows never change, so bits that were made once are right for ever; rows that came since are added to
// them. What is visible at a time is another question.
//
// Two callers may fill the bits of one filter at the same time: each writes bits of its own and puts them in the cache as a whole.

import { ElanusError } from '#base/errors.js';
import type { ReadTime } from '#base/read-time.js';
import { join } from '#expr/check/logic.js';
import type { ColumnSource, ColumnView } from '#expr/evaluate/column-view.js';
import type { Leaf, Predicate, PredicateFilter } from '#expr/typed.js';
import type { Pace } from '#platform/pace.js';
import { hideOthers, type PassingBits } from '#segment/fields/excluded-rows.js';
import { countBits } from '#segment/fields/row-versions.js';
import type { ScalarView } from '#segment/fields/scalar-view.js';
import { describeFilter, type ExplainedFilter } from '#segment/filters/describe-filter.js';
import { planFilter } from '#segment/filters/filter-plan.js';
import { lookedUp } from '#segment/filters/looked-up.js';
import { type PlanRun, runPlan } from '#segment/filters/run-plan.js';
import { scanNanos } from '#segment/filters/scan-cost.js';
import { factsOf } from '#segment/filters/segment-facts.js';
import { hasWords, wordLeaves } from '#segment/words/word-leaves.js';
import type { ReadableSegment } from './readable-segment.js';
import { sampledRows } from './sampled-rows.js';
import type { SegmentData } from './segment-data.js';

/** Filters whose bits a segment keeps: a bit a row each. */
const FILTERS_MAX = 8;

/** Which rows pass, and how that was found out. */
interface KeptRows extends PassingBits {
  readonly explained: ExplainedFilter;
}

const cache = new WeakMap<SegmentData, Map<PredicateFilter, KeptRows>>();

/** How the bits of a filter were made that a read has just asked for, JSON; empty when others took their place. */
export function explainedFilter(data: SegmentData, filter: PredicateFilter): string {
  const kept = cache.get(data)?.get(filter);
  return kept === undefined ? '' : JSON.stringify(kept.explained);
}

/** The filter object is the key of what is kept: a filter that is read again is the same object (`readFilter`). @throws cancelled, deadline_exceeded */
async function passingRows(data: SegmentData, filter: PredicateFilter, pace: Pace): Promise<PassingBits> {
  const kept = cache.get(data)?.get(filter);
  const { rowCount } = data;
  if (kept !== undefined && kept.rowCount === rowCount) return kept;
  const made = await evaluate(data, filter, { kept, rowCount, pace });
  keep(data, filter, made);
  return made;
}

/** Those of a sample, where the filter asks for one. @throws cancelled, deadline_exceeded */
export async function passingAt(
  { data }: ReadableSegment,
  filter: PredicateFilter,
  readTs: ReadTime,
  pace: Pace,
): Promise<PassingBits> {
  const passing = await passingRows(data, filter, pace);
  const { sampleShare: share } = filter;
  return share === undefined ? passing : sampledRows(data, passing, { share, readTs });
}

/** How it was found that no row can pass, JSON, by what the files say alone; undefined: some may. */
export function skippedFilter(data: SegmentData, filter: PredicateFilter): string | undefined {
  const { statistics, rowCount } = data.sealed ?? {};
  if (statistics === undefined || rowCount !== data.rowCount) return undefined;
  const plan = planFilter(rowPredicate(filter), {
    ...{ rowCount, scanNanos, sourceOf: () => undefined, blocksOf: () => undefined },
    groupsOf: (leaf) => statistics.groupsOf(leaf),
  });
  if (plan.candidates?.kind !== 'skipped') return undefined;
  const nothing = { bits: NO_BITS, rowCount, passing: 0, scanned: 0, found: new Map(), tookMs: 0 };
  return JSON.stringify(describeFilter({ plan, ...nothing }));
}

/** How many rows are visible and pass, older rows of a key among them. */
export function passingCount(data: SegmentData, passing: PassingBits, readTs: ReadTime): number {
  const hidden = new Uint8Array(Math.ceil(passing.rowCount / 64) * 8);
  hidden.set(data.deadBitset(readTs).subarray(0, hidden.length));
  hideOthers(hidden, passing);
  return hidden.length * 8 - countBits(hidden);
}

async function evaluate(
  data: SegmentData,
  filter: PredicateFilter,
  { kept, rowCount, pace }: Asked,
): Promise<KeptRows> {
  const predicate = rowPredicate(filter);
  const begunMs = pace.nowMs;
  const { plan, columns } = await planned(data, predicate, { kept, rowCount, pace });
  const threads = { workers: data.workers };
  const result = await runPlan({ plan, columns, rowCount, kept, pace, threads }).catch((error: unknown) => {
    if (!(error instanceof ElanusError) || error.key !== 'data_corrupt' || plan.candidates === undefined)
      throw error;
    // An index that names what cannot be: the columns have the answer, and the index is not asked again until its file is loaded anew.
    data.sealed?.dropIndexes();
    return runPlan({
      plan: { candidates: undefined, residual: predicate },
      columns,
      rowCount,
      kept,
      pace,
      threads,
    });
  });
  const explained = describeFilter({ ...result, plan, tookMs: pace.nowMs - begunMs });
  const { bits, passing } = result;
  return { bits, rowCount, passing, explained };
}

/** Rows that are named by an index of words in the time in which one text becomes words. */
const NAMED_PER_ANALYZED = 1000;

type Asked = Pick<PlanRun, 'kept' | 'rowCount' | 'pace'>;

/** The plan, once words are made of texts where that pays; leaves that it leaves open get what is known of words. */
async function planned(
  data: SegmentData,
  predicate: Predicate,
  { kept, rowCount, pace }: Asked,
): Promise<Pick<PlanRun, 'plan' | 'columns'>> {
  const columns = columnsOf(data, rowCount);
  const facts = await lookedUp(predicate, factsOf(data, rowCount, columns), pace);
  let plan = planFilter(predicate, facts);
  if (plan.residual === undefined || !hasWords(plan.residual)) return { plan, columns };
  const analyzed = (): number => plan.candidates?.estimated ?? rowCount - (kept?.rowCount ?? 0);
  const asked = { leaves: wordLeaves(plan.residual), analyzed: analyzed(), rowCount, columns };
  if (await data.words.ask(asked, pace)) plan = planFilter(predicate, facts);
  const known = new Map<Leaf, Uint32Array>();
  for (const leaf of plan.residual === undefined ? [] : wordLeaves(plan.residual)) {
    const answer = data.words.answer(leaf, rowCount, columns);
    if (answer !== undefined && answer.rowsMax < analyzed() * NAMED_PER_ANALYZED)
      known.set(leaf, await answer.bits(pace));
  }
  return { plan, columns: known.size === 0 ? columns : { ...columns, known: (leaf) => known.get(leaf) } };
}

/** With an `element_filter` a row needs an element that passes. */
function rowPredicate({ predicate, elements }: PredicateFilter): Predicate {
  if (elements === undefined) return predicate;
  const match: Predicate = { kind: 'match', quantifier: 'any', threshold: 0, elements };
  return join('and', [predicate, match]);
}

/** Views of the rows there are now: storage that grows meanwhile leaves the old one as it is. */
export function columnsOf(data: SegmentData, rowCount: number): ColumnSource {
  const views = new Map<bigint, ColumnView | undefined>();
  const view = (fieldId: bigint): ColumnView | undefined => {
    if (!views.has(fieldId)) {
      const scalars = data.scalars(fieldId, 0, rowCount);
      views.set(fieldId, scalars && viewOfScalars(scalars));
    }
    return views.get(fieldId);
  };
  data.jsonPaths.begin();
  return {
    view,
    keptShare: (fieldId, path) => data.jsonPaths.doneCount(fieldId, path) / Math.max(1, rowCount),
    path(fieldId, path) {
      const json = view(fieldId);
      if (json?.kind !== 'variable') return undefined;
      return data.jsonPaths.column({ fieldId, rowCount, dataBytes: json.data.length }, path);
    },
  };
}

function viewOfScalars({ dataType, values, data, offsets, valid = NO_NULLS }: ScalarView): ColumnView {
  if (offsets !== undefined) return { kind: 'variable', data, offsets, valid };
  if (values instanceof Int8Array || values instanceof Uint8Array)
    return {
      kind: 'fixed',
      form: 'int8',
      values: new Int8Array(values.buffer, values.byteOffset, values.length),
      valid,
    };
  if (values instanceof Int16Array) return { kind: 'fixed', form: 'int16', values, valid };
  if (values instanceof Int32Array) return { kind: 'fixed', form: 'int32', values, valid };
  if (values instanceof BigInt64Array)
    return {
      kind: 'fixed',
      form: 'int64',
      values: new Int32Array(values.buffer, values.byteOffset, values.length * 2),
      valid,
    };
  if (values instanceof Float32Array) return { kind: 'fixed', form: 'float', values, valid };
  if (values instanceof Float64Array) return { kind: 'fixed', form: 'double', values, valid };
  throw new ElanusError(
    'internal',
    `data type ${dataType} has no values of fixed width that a filter reads; check the schema`,
  );
}

const NO_NULLS = new Uint8Array(0);
const NO_BITS = new Uint32Array(0);

function keep(data: SegmentData, filter: PredicateFilter, made: KeptRows): void {
  const filters = cache.get(data) ?? new Map<PredicateFilter, KeptRows>();
  cache.set(data, filters);
  filters.delete(filter);
  const oldest = filters.keys().next();
  if (filters.size >= FILTERS_MAX && oldest.done !== true) filters.delete(oldest.value);
  filters.set(filter, made);
}
