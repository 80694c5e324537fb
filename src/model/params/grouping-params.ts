// The keys of a request that group hits, as texts with their ranges. Which fields and paths they name is a matter of the schema.
import { type RequestParams, refuse } from './request-params.js';

export interface GroupingParams {
  /** Fields, JSON paths or dynamic keys, at least one. */
  readonly names: readonly string[];
  /** Hits of a group. */
  readonly size: number;
  /** Groups are filled up to their size as long as there are rows. */
  readonly isStrict: boolean;
  readonly scorer: GroupScorer;
  readonly jsonPath: string | undefined;
  readonly jsonType: string | undefined;
  readonly strictCast: boolean;
}

const SCORERS = ['max', 'sum', 'avg'] as const;
/** How the hits of a group make its score in a hybrid search. */
export type GroupScorer = (typeof SCORERS)[number];

const GROUP_SIZE_MAX = 10;
const NAMES_MAX = 10;

/** Undefined: hits are not grouped. @throws invalid_parameter */
export function parseGrouping(sent: RequestParams): GroupingParams | undefined {
  const names = groupNames(sent);
  if (names.length === 0) return noGrouping(sent);
  if (names.length > NAMES_MAX) refuse(`group by ${names.length} fields, expected at most ${NAMES_MAX}`);
  const size = sent.integer('group_size') ?? 1;
  if (size <= 0) refuse(`input group size:${size} is negative, failed to do search_groupby`);
  if (size > GROUP_SIZE_MAX)
    refuse(`input group size:${size} exceeds configured max group size:${GROUP_SIZE_MAX}`);
  const scorer = sent.text('rank_group_scorer')?.toLowerCase() ?? 'max';
  return {
    names,
    size,
    isStrict: sent.boolean('strict_group_size'),
    scorer:
      SCORERS.find((one) => one === scorer) ??
      refuse(`input group scorer type: ${scorer.slice(0, 64)} is not supported; use max, sum or avg`),
    jsonPath: sent.text('json_path'),
    jsonType: sent.text('json_type'),
    strictCast: sent.boolean('strict_cast'),
  };
}

/** What only groups have says nothing without them. */
function noGrouping(sent: RequestParams): undefined {
  const alone = ['strict_group_size', 'rank_group_scorer', 'json_path', 'json_type', 'strict_cast'].find(
    (key) => !['false', undefined].includes(sent.text(key)?.toLowerCase()),
  );
  const size = sent.integer('group_size') ?? 1;
  if (alone !== undefined || size !== 1)
    refuse(`${alone ?? 'group_size'} is sent without group_by_field; name the field, or leave it out`);
  return undefined;
}

/** `group_by_field` goes before `group_by_fields`, as in Milvus. */
function groupNames(sent: RequestParams): readonly string[] {
  const one = sent.text('group_by_field');
  if (one !== undefined) return [one];
  const many = sent.text('group_by_fields');
  if (many === undefined || many === '[]') return [];
  if (!many.startsWith('[')) return many.split(',').map((name) => name.trim());
  const names = sent.texts('group_by_fields') ?? [];
  return names.map((name) => name.trim());
}
