// What the answer to a search has beside its hits: with `target_recall` the recall to expect, with `explain` the plan of each segment.
import type { ShardSearchResponse } from '#proto/elanus/roles.js';
import type { Status } from '#proto/milvus/common.js';
import { explainedStatus } from '#roles/proxy/reads/explained-status.js';
import { SearchReport } from '#segment/search/search-report.js';
import type { CheckedSearch } from './search-request.js';

/** Their searches score every row that could be a hit. */
export const exactTypes: ReadonlySet<string> = new Set(['FLAT', 'BIN_FLAT', 'SPARSE_INVERTED_INDEX']);

export interface SearchExtras {
  readonly status: Status | undefined;
  /** One per query; empty where it was not asked for, or is not known. */
  readonly recalls: number[];
}

/** Nothing, as in an answer of several searches. */
export const noExtras: SearchExtras = { status: undefined, recalls: [] };

export function searchExtras(
  answers: readonly ShardSearchResponse[],
  { plan: { params, usedParams, builtAs }, queryCount }: CheckedSearch,
): SearchExtras {
  const { explain, vector: sent } = params;
  if (!explain && sent.targetRecall === undefined) return noExtras;
  const report = new SearchReport(explain);
  for (const answer of answers) report.addAnswer(answer);
  const status = explain ? explainedStatus(report.plans) : undefined;
  if (sent.targetRecall === undefined) return { status, recalls: [] };
  const isExact = builtAs === undefined || exactTypes.has(builtAs);
  if (usedParams.targetRecall === undefined && !isExact) return { status, recalls: [] };
  const recall = isExact ? 1 : report.recall;
  return { status, recalls: recall === 0 ? [] : new Array<number>(queryCount).fill(recall) };
}
