// Functions that score hits anew: boosts of rows that a condition is true of, in each segment before hits are brought together, and a decay by
// the distance of a number from where it should be, on the list of all hits.
import { ClientError } from '#client/errors.js';
import type { Filter } from '#client/filters/filter.js';
import type { FunctionSchema, FunctionScore } from '#proto/milvus/schema.js';
import { paramsOf } from './read-options.js';

/** Multiplies scores by what a number's distance from `origin` makes of 1. */
export interface Decay<Field extends string = string> {
  readonly kind: 'decay';
  readonly field: Field;
  readonly shape: 'gauss' | 'exp' | 'linear';
  readonly params: Readonly<Record<string, string | number | boolean | undefined>>;
}

export interface DecayOptions {
  /** The value of rows that keep their score. */
  readonly origin: number;
  /** At this distance, beyond `offset`, the factor is `decay`; above 0. */
  readonly scale: number;
  /** Up to this distance rows keep their score; 0 when not given. */
  readonly offset?: number | undefined;
  /** Between 0 and 1; 0.5 when not given. */
  readonly decay?: number | undefined;
  /** `gauss` when not given. */
  readonly shape?: 'gauss' | 'exp' | 'linear' | undefined;
  /** Which score of a hit that several searches found counts; `max` when not given. */
  readonly of?: 'max' | 'sum' | 'avg' | undefined;
}

/** @param field a number of the declaration that is not nullable */
export const decay = <const Field extends string>(
  field: Field,
  { origin, scale, offset, decay: factor, shape = 'gauss', of }: DecayOptions,
): Decay<Field> => ({
  kind: 'decay',
  field,
  shape,
  params: { origin, scale, offset, decay: factor, score_mode: of },
});

/** A weight for the scores of some rows. */
export interface Boost {
  readonly kind: 'boost';
  readonly weight: number;
  readonly filter: string;
  readonly random: string | undefined;
}

export interface BoostOptions {
  /** Which rows; all when not given. Its values are numbers or booleans: a text stands in the filter's own text. */
  readonly where?: Filter | undefined;
  /** A number from 0 to 1 for each row takes part, always the same for the same seed and value of the field (the key when not given). */
  readonly random?: { readonly seed?: number | undefined; readonly field?: string | undefined } | undefined;
}

/** @throws InvalidRequestError for a filter with values that cannot be written out */
export const boost = (weight: number, { where, random }: BoostOptions = {}): Boost => ({
  kind: 'boost',
  weight,
  filter: where === undefined ? '' : writtenOut(where),
  random: random === undefined ? undefined : JSON.stringify(random),
});

/** The protocol has no values beside the filter of a boost. What could end a text is not put into one. */
function writtenOut({ pieces, values }: Filter): string {
  let text = pieces[0] ?? '';
  for (const [at, value] of values.entries()) {
    const isPlain = typeof value === 'bigint' || typeof value === 'boolean' || Number.isFinite(value);
    if (!isPlain)
      throw ClientError.ofInput(
        `the filter of a boost has a value of type ${typeof value}, expected numbers and booleans; write texts into a filter of your own, new Filter(['kind == "a"'], [])`,
      );
    text += `${String(value)}${pieces[at + 1] ?? ''}`;
  }
  return text;
}

export type ScoreFunction<Field extends string = string> = Decay<Field> | Boost;

/** How boosts go together, and with the score; `multiply` when not given. */
export interface BoostModes {
  readonly together?: 'multiply' | 'sum' | undefined;
  readonly withScore?: 'multiply' | 'sum' | undefined;
}

const RERANK = 3;

/** As requests have them; undefined where there are none. */
export function functionScore(
  given: ScoreFunction | readonly ScoreFunction[] | undefined,
  { together, withScore }: BoostModes = {},
): FunctionScore | undefined {
  if (given === undefined) return undefined;
  const functions: readonly ScoreFunction[] = 'kind' in given ? [given] : given;
  if (functions.length === 0) return undefined;
  return {
    functions: functions.map(functionOf),
    params: paramsOf({ function_mode: together, boost_mode: withScore }),
  };
}

const functionOf = (one: ScoreFunction, at: number): FunctionSchema => ({
  name: `${one.kind} ${at}`,
  type: RERANK,
  inputFieldNames: one.kind === 'decay' ? [one.field] : [],
  params:
    one.kind === 'decay'
      ? paramsOf({ reranker: 'decay', function: one.shape, ...one.params })
      : paramsOf({
          reranker: 'boost',
          weight: one.weight,
          filter: one.filter === '' ? undefined : one.filter,
          random_score: one.random,
        }),
  id: 0n,
  description: '',
  inputFieldIds: [],
  outputFieldNames: [],
  outputFieldIds: [],
});
