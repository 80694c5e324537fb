// A plan as explain shows it, and as the recall of an answer is computed from it.
import { assertNever } from '#base/assert.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import { widthNameOf } from '#segment/recall/recall-controller.js';
import type { AskedParams } from './asked-params.js';
import type { PlanOfSegment } from './search-report.js';
import type { CommonFacts, SegmentPlan } from './segment-plan.js';

/** What whoever searched counted. */
type Counted = Pick<SegmentHits, 'computed' | 'givenUp'>;

export function describePlan(
  plan: SegmentPlan,
  facts: CommonFacts,
  { computed = 0, givenUp = 0 }: Counted = {},
): PlanOfSegment {
  const { rowCount: rows, passing } = facts;
  const exact: PlanOfSegment = {
    indexType: '',
    plan: 'scan',
    widthName: '',
    width: 0,
    rows,
    passing,
    computed: BigInt(passing * facts.queryCount),
    recall: 1,
  };
  const counted = { ...exact, computed: BigInt(computed), recall: 0 };
  switch (plan.kind) {
    case 'scan':
    case 'signatures':
    case 'slices':
      return exact;
    case 'rows':
    case 'sparse rows':
      return { ...exact, plan: 'rows' };
    case 'max-sim':
      if (plan.indexType === undefined) return { ...exact, plan: 'max sim' };
      return { ...counted, indexType: plan.indexType, plan: 'max sim of found rows' };
    case 'walk and scan':
      return { ...counted, ...widthOf('HNSW', facts.params), indexType: 'HNSW', plan: 'walk and scan' };
    case 'index': {
      const { index, params, recall } = plan;
      const width = widthOf(index.indexType, params);
      const how = width.widthName === 'ef' ? index.planOf(passing, width.width, facts.k) : undefined;
      const usual = width.widthName === 'nprobe' ? 'probe' : 'walk';
      return {
        ...counted,
        ...width,
        indexType: index.indexType,
        plan: `${how ?? usual}${ended(givenUp, facts)}`,
        recall,
      };
    }
    case 'sparse': {
      const { indexType } = plan;
      const how = indexType === undefined ? 'scan' : 'lists';
      return { ...counted, indexType: indexType ?? '', plan: how, recall: 1 };
    }
    case 'disk walk':
      return { ...counted, indexType: 'DISKANN', plan: 'walk', widthName: 'search_list', width: plan.width };
    case 'codes': {
      const { index, width, isRefined } = plan;
      const how = `${index.planOf(passing, Math.max(width, facts.k), facts.k)}, by codes${isRefined ? ', refined' : ''}${ended(givenUp, facts)}`;
      return { ...counted, indexType: 'HNSW_SQ', plan: how, widthName: 'ef', width };
    }
    default:
      return assertNever(plan);
  }
}

/** That a walk found too little of what counts, so that another plan took its place. */
const ended = (givenUp: number, { queryCount }: CommonFacts): string =>
  givenUp === 0 ? '' : `, walk given up${queryCount > 1 ? ` (${givenUp} of ${queryCount})` : ''}`;

/** The width that a search in such an index has, under the name that clients know. */
function widthOf(
  indexType: string,
  params: AskedParams,
): { readonly widthName: string; readonly width: number } {
  const name = widthNameOf(indexType);
  if (name === undefined) return { widthName: '', width: 0 };
  return { widthName: name === 'searchList' ? 'search_list' : name, width: Number(params[name] ?? 0) };
}
