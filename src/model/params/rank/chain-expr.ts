// What a step of a function chain computes of its arguments.
import { ElanusError } from '#base/errors.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { ChainParams } from './chain-params.js';
import type { Decay } from './rerankers.js';

/** What a column holds. */
export type ChainKind = 'number' | 'text' | 'bool' | 'time';

const MODES = ['sum', 'multiply', 'max', 'min', 'avg', 'weighted'] as const;
export type CombineMode = (typeof MODES)[number];

export type DecayCurve = Pick<Decay, 'shape' | 'origin' | 'scale' | 'offset' | 'decay'>;

export type NumberExpr =
  /** Weights, one an argument, where the mode is weighted; else empty. */
  | { readonly kind: 'combine'; readonly mode: CombineMode; readonly weights: readonly number[] }
  | { readonly kind: 'decay'; readonly curve: DecayCurve }
  | { readonly kind: 'round'; readonly decimals: number };

/** A service scores a text of each hit for the query of its search. */
export interface ModelExpr {
  readonly kind: 'model';
  readonly queries: readonly string[];
  /** What the service is asked, as it was sent. */
  readonly params: readonly KeyValuePair[];
}

export type ChainExpr = NumberExpr | ModelExpr;

const SHAPES = ['gauss', 'exp', 'linear'] as const;
const DECIMALS_MAX = 6;

/** @param kinds of the arguments @throws invalid_parameter, unsupported */
export function chainExpr(name: string, kinds: readonly ChainKind[], params: ChainParams): ChainExpr {
  switch (name) {
    case 'num_combine':
      return combineOf(kinds, params);
    case 'decay':
      return decayOf(kinds, params);
    case 'round_decimal':
      return roundOf(kinds, params);
    case 'rerank_model':
      return modelOf(kinds, params);
    case 'xgboost':
      throw new ElanusError(
        'unsupported',
        'xgboost is not supported in this version: models of trees are not read',
      );
    default:
      return params.refuse(
        'unsupported function chain expression; use num_combine, decay, round_decimal or rerank_model',
      );
  }
}

function combineOf(kinds: readonly ChainKind[], params: ChainParams): ChainExpr {
  if (kinds.length < 2 || kinds.some((kind) => kind !== 'number'))
    params.refuse('num_combine requires at least two numeric arguments');
  const sent = params.text('mode') ?? 'sum';
  const mode =
    MODES.find((one) => one === sent) ?? params.refuse(`unsupported num_combine mode: ${sent.slice(0, 64)}`);
  const weights = params.numbers('weights');
  params.finish();
  if (mode !== 'weighted') {
    if (weights !== undefined) params.refuse("num_combine weights require mode='weighted'");
    return { kind: 'combine', mode, weights: [] };
  }
  if (weights?.length !== kinds.length)
    return params.refuse(`weighted num_combine requires ${kinds.length} weights`);
  return { kind: 'combine', mode, weights };
}

function decayOf(kinds: readonly ChainKind[], params: ChainParams): ChainExpr {
  if (kinds.length !== 1 || kinds[0] !== 'number')
    params.refuse('decay requires exactly one numeric argument');
  const sent = params.text('function') ?? params.refuse('decay function must be a string');
  const shape =
    SHAPES.find((one) => one === sent) ?? params.refuse(`unsupported decay function: ${sent.slice(0, 64)}`);
  const origin = params.number('origin') ?? params.refuse('decay origin must be numeric');
  const scale = params.number('scale') ?? params.refuse('decay scale must be numeric');
  const offset = params.number('offset') ?? 0;
  const decay = params.number('decay') ?? 0.5;
  params.finish();
  if (!(scale > 0 && offset >= 0 && decay > 0 && decay < 1))
    params.refuse('decay requires scale > 0, offset >= 0, and 0 < decay < 1');
  return { kind: 'decay', curve: { shape, origin, scale, offset, decay } };
}

function modelOf(kinds: readonly ChainKind[], params: ChainParams): ChainExpr {
  if (kinds.length !== 1 || kinds[0] !== 'text')
    params.refuse('rerank_model requires exactly one text argument');
  const queries = params.texts('queries') ?? [];
  if (queries.length === 0 || queries.includes(''))
    params.refuse('rerank_model queries must be a non-empty list of strings');
  return { kind: 'model', queries, params: params.rest() };
}

function roundOf(kinds: readonly ChainKind[], params: ChainParams): ChainExpr {
  if (kinds.length !== 1 || kinds[0] !== 'number')
    params.refuse('round_decimal requires exactly one numeric argument');
  const decimals = params.whole('decimal') ?? -1;
  params.finish();
  if (decimals < 0 || decimals > DECIMALS_MAX)
    params.refuse(`round_decimal decimal must be an integer in [0, ${DECIMALS_MAX}]`);
  return { kind: 'round', decimals };
}
