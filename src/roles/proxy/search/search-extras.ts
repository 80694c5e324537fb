// What the answer to a search has beside its hits: with `target_recall` the recall to expect, with `explain` the plan of each segment.
import type { VectorSearchParams } from '#model/params/search-param-table.js';
import type { ShardSearchResponse } from '#proto/elanus/roles.js';
import type { Status } from '#proto/milvus/common.js';
import { successStatus } from '#rpc/wire-status.js';
import { explainText, SearchReport } from '#segment/search/search-report.js';

/** Where clients find the plans: a field of the status that they pass on and do not read. */
const EXPLAIN = 'elanus.explain';
/** Their searches score every row that could be a hit. */
const exactTypes: ReadonlySet<string> = new Set(['FLAT', 'BIN_FLAT', 'SPARSE_INVERTED_INDEX']);

interface SearchExtras {
  readonly status: Status | undefined;
  /** One per query; empty where it was not asked for, or is not known. */
  readonly recalls: number[];
}

interface AskedFor {
  readonly explain: boolean;
  /** The parameters as sent. */
  readonly sent: VectorSearchParams;
  /** The part of it that the index uses. */
  readonly usedParams: VectorSearchParams;
  /** What the index is built as; undefined: there is none. */
  readonly builtAs: string | undefined;
  readonly queryCount: number;
}

export function searchExtras(
  answers: readonly ShardSearchResponse[],
  { explain, sent, usedParams, builtAs, queryCount }: AskedFor,
): SearchExtras {
  if (!explain && sent.targetRecall === undefined) return { status: undefined, recalls: [] };
  const report = new SearchReport(explain);
  for (const answer of answers) report.addAnswer(answer);
  const status = explain
    ? { ...successStatus(), extraInfo: { [EXPLAIN]: explainText(report.plans) } }
    : undefined;
  if (sent.targetRecall === undefined) return { status, recalls: [] };
  const isExact = builtAs === undefined || exactTypes.has(builtAs);
  if (usedParams.targetRecall === undefined && !isExact) return { status, recalls: [] };
  const recall = isExact ? 1 : report.recall;
  return { status, recalls: recall === 0 ? [] : new Array<number>(queryCount).fill(recall) };
}
