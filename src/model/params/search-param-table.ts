// The search parameters of all index types, as data. Which index uses which is in index-types.ts.
import { INT_MAX, type ParamSpec, type ValueOf } from './param-spec.js';

export const searchParamTable = {
  ef: { kind: 'integer', key: 'ef', min: 1, max: INT_MAX },
  nprobe: { kind: 'integer', key: 'nprobe', min: 1, max: 65_536, default: 8 },
  reorderK: { kind: 'integer', key: 'reorder_k', min: 1, max: INT_MAX, default: 1 },
  refineK: { kind: 'number', key: 'refine_k', min: 1, max: INT_MAX, default: 1 },
  searchList: {
    kind: 'integer',
    key: 'search_list',
    aliases: ['search_list_size'],
    min: 1,
    max: INT_MAX,
  },
  rbqQueryBits: {
    kind: 'integer',
    key: 'rbq_query_bits',
    aliases: ['rbq_bits_query'],
    min: 0,
    max: 8,
    default: 0,
  },
  /** What finds 0.96 where a build has learned widths: a search that says nothing of recall is meant to find what is there (ADR 0104). */
  level: { kind: 'integer', key: 'level', min: 1, max: 10, default: 5 },
  dropRatioSearch: {
    kind: 'number',
    key: 'drop_ratio_search',
    min: 0,
    max: 1,
    isMaxExcluded: true,
    default: 0,
  },
  dimMaxScoreRatio: { kind: 'number', key: 'dim_max_score_ratio', min: 0.5, max: 1.3, default: 1.05 },
  mhSearchWithJaccard: { kind: 'boolean', key: 'mh_search_with_jaccard', default: false },
  mhLshBatchSearch: { kind: 'boolean', key: 'mh_lsh_batch_search', default: false },
  /** Ours: the width is chosen so that about this part of the true neighbours is found. Unset: the other keys say it. */
  targetRecall: { kind: 'number', key: 'target_recall', min: 0.5, max: 0.9999 },
} as const satisfies Record<string, ParamSpec>;

export type SearchParamName = keyof typeof searchParamTable;
export const searchParamNames = Object.keys(searchParamTable) as readonly SearchParamName[];

/** Widths of a search: at least k, or the answer would be short. The name is what Milvus calls it in its refusal. */
export const widthParams: ReadonlyMap<SearchParamName, string> = new Map<SearchParamName, string>([
  ['ef', 'ef'],
  ['reorderK', 'reorder_k'],
  ['searchList', 'search_list_size'],
]);

/** What a search asks of the index, as sent: absent where the request says nothing. Plain data, for the wire and for workers. */
export type VectorSearchParams = {
  readonly [Name in SearchParamName]?: ValueOf<(typeof searchParamTable)[Name]>;
} & {
  readonly radius?: number;
  readonly rangeFilter?: number;
};
