// What a search of one segment reports beside its hits, and who chooses its width: both only for searches that ask for it.
import type { SegmentPlan, ShardSearchRequest } from '#proto/elanus/roles.js';
import type { SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import type { AskedSearch, RecallChoice, RecallControllers } from '#segment/recall/recall-controller.js';
import { type PlanOfSegment, SearchReport } from './search-report.js';

export interface SearchHooks {
  /** Chooses the width for `target_recall`. */
  readonly choose?: (
    vectors: VectorColumn,
    index: SegmentIndex,
    search: AskedSearch,
  ) => RecallChoice | undefined;
  readonly report?: (plan: PlanOfSegment) => void;
}

export interface SearchOptions {
  /** Who chooses the widths of searches with a target_recall; without, as for growing segments, these are exact. */
  readonly recall?: RecallControllers;
  readonly report?: SearchReport | undefined;
}

const asksRecall = ({ params }: Pick<ShardSearchRequest, 'params'>): boolean =>
  params?.targetRecall !== undefined;
/** For searches that ask for one, undefined for the others. */
export const reportFor = (
  request: Pick<ShardSearchRequest, 'explain' | 'params'>,
): SearchReport | undefined =>
  request.explain || asksRecall(request) ? new SearchReport(request.explain) : undefined;

/** Whether a search asks for anything of the kind. */
export const isObserved = (request: Pick<ShardSearchRequest, 'params'>, { report }: SearchOptions): boolean =>
  report !== undefined || asksRecall(request);

export function hooksOf(
  {
    id,
    collectionId,
    isGrowing,
    filter,
  }: {
    readonly id: bigint;
    readonly collectionId: bigint;
    readonly isGrowing: boolean;
    /** How the filter was evaluated, JSON; empty: there is none. */
    readonly filter: string;
  },
  request: Pick<ShardSearchRequest, 'fieldId' | 'params'>,
  { recall, report }: SearchOptions,
): SearchHooks {
  const isAsked = asksRecall(request);
  const place = { collectionId, fieldId: request.fieldId };
  return {
    ...(isAsked && { choose: (vectors, index, search) => recall?.choose(place, vectors, index, search) }),
    ...(report && {
      report: (plan) =>
        report.add({ ...plan, segmentId: id, growing: isGrowing, filter } satisfies SegmentPlan),
    }),
  };
}
