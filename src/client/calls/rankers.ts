// How the hits of a hybrid search become one list.
export interface Ranker {
  readonly strategy: 'rrf' | 'weighted';
  readonly params: Readonly<Record<string, number | boolean | readonly number[]>>;
}

/** By rank in each search: the sum of 1 / (k + rank). */
export const rrf = (k = 60): Ranker => ({ strategy: 'rrf', params: { k } });

/** By score: the sum of score times weight, one weight for each search, each from 0 to 1. */
export const weighted = (
  weights: readonly number[],
  { normalize = true }: { readonly normalize?: boolean } = {},
): Ranker => ({ strategy: 'weighted', params: { weights, norm_score: normalize } });
