// How the hits of one or several searches become one list: the rerankers of `rank_params` and of function_score, with Milvus's ranges and texts.
import { RequestParams, refuse } from '#model/params/request-params.js';
import { DataType, numberTypes } from '#model/schema/data-type.js';
import { dataTypeName, fieldByName } from '#model/schema/schema-view.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { CollectionSchema, FieldSchema, FunctionSchema } from '#proto/milvus/schema.js';

/** Scores of a hit that several searches found. */
export type ScoreMode = 'max' | 'sum' | 'avg';

export interface Decay {
  readonly kind: 'decay';
  readonly shape: 'gauss' | 'exp' | 'linear';
  readonly field: FieldSchema;
  readonly origin: number;
  readonly scale: number;
  readonly offset: number;
  readonly decay: number;
  readonly isNormalized: boolean;
  readonly scoreMode: ScoreMode;
}

/** A model outside scores the text of each hit for a query. */
export interface ModelReranker {
  readonly kind: 'model';
  readonly field: FieldSchema;
  /** One for each query of the search. */
  readonly queries: readonly string[];
  /** What the provider is asked, as it was sent. */
  readonly params: readonly KeyValuePair[];
}

export type Reranker =
  | { readonly kind: 'rrf'; readonly k: number }
  | { readonly kind: 'weighted'; readonly weights: readonly number[]; readonly isNormalized: boolean }
  | Decay
  | ModelReranker;

const RRF_K = 60;
const RRF_K_MAX = 16_384;
const defaultReranker: Reranker = { kind: 'rrf', k: RRF_K };

/** `strategy` and `params` of a hybrid search. @throws invalid_parameter */
export function rankStrategy(sent: RequestParams, requestCount: number): Reranker {
  const strategy = sent.text('strategy')?.toLowerCase();
  if (strategy === undefined) return defaultReranker;
  const params = new RequestParams(
    Object.entries(sent.object('params')).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? value : JSON.stringify(value),
    })),
  );
  if (strategy === 'rrf') return rrfOf(params);
  if (strategy === 'weighted') return weightedOf(params, requestCount);
  return refuse(`unsupported rank type ${strategy.slice(0, 64)}; use rrf or weighted`);
}

function rrfOf(params: RequestParams): Reranker {
  const k = params.number('k') ?? RRF_K;
  if (!(k > 0 && k < RRF_K_MAX))
    refuse(`The rank params k should be in range (0, ${RRF_K_MAX}), but got ${k}`);
  return { kind: 'rrf', k };
}

function weightedOf(params: RequestParams, requestCount: number): Reranker {
  const weights = params.numbers('weights') ?? refuse('weights not found in rank_params; send one a request');
  if (weights.length !== requestCount) {
    refuse(
      `the length of weights param mismatch with ann search requests: invalid parameter[expected=${requestCount}][actual=${weights.length}]`,
    );
  }
  for (const weight of weights) {
    if (!(weight >= 0 && weight <= 1))
      refuse(`rank param weight should be in range [0, 1], but got ${weight}`);
  }
  return { kind: 'weighted', weights, isNormalized: params.boolean('norm_score') };
}

const decayTypes: ReadonlySet<number> = new Set(numberTypes);

const SHAPES = ['gauss', 'exp', 'linear'] as const;
const SCORE_MODES = ['max', 'sum', 'avg'] as const;

const isOneOf = <T extends string>(names: readonly T[], name: string | undefined): name is T =>
  names.some((one) => one === name);

function decayOf(schema: CollectionSchema, params: RequestParams, inputs: readonly string[]): Decay {
  const shape = params.text('function') ?? refuse('Decay function lost param: function');
  if (!isOneOf(SHAPES, shape))
    return refuse(
      `Invalid decay function: function, only support [gauss, linear, exp], but got ${shape.slice(0, 64)}`,
    );
  const origin = params.number('origin') ?? refuse('Decay function lost param: origin');
  const scale = params.number('scale') ?? refuse('Decay function lost param: scale');
  const offset = params.number('offset') ?? 0;
  const decay = params.number('decay') ?? 0.5;
  const scoreMode = params.text('score_mode') ?? 'max';
  if (!(scale > 0)) refuse(`Decay function param: scale must > 0, but got ${scale}`);
  if (!(offset >= 0)) refuse(`Decay function param: offset must >= 0, but got ${offset}`);
  if (!(decay > 0 && decay < 1)) refuse(`Decay function param: decay must 0 < decay < 1, but got ${decay}`);
  if (!isOneOf(SCORE_MODES, scoreMode))
    return refuse(`Unsupport score mode: ${scoreMode.slice(0, 64)}, only supports: [avg, max, sum]`);
  const field = decayField(schema, inputs);
  const isNormalized = params.boolean('norm_score');
  return { kind: 'decay', shape, field, origin, scale, offset, decay, isNormalized, scoreMode };
}

function decayField(schema: CollectionSchema, inputs: readonly string[]): FieldSchema {
  const [name] = inputs;
  if (name === undefined || inputs.length > 1)
    return refuse(`Decay function only supports single input, but gets [${inputs.join(', ')}] input`);
  const field = fieldByName(schema, name) ?? refuse(`Function input field not found: ${name.slice(0, 200)}`);
  if (!decayTypes.has(field.dataType)) {
    refuse(
      `Decay rerank: unsupported input field type:${dataTypeName(field.dataType)}, only support numberic field`,
    );
  }
  if (field.nullable) refuse(`Function input field cannot be nullable: field ${name}`);
  return field;
}

function modelOf(
  schema: CollectionSchema,
  params: readonly KeyValuePair[],
  inputs: readonly string[],
): ModelReranker {
  const [name] = inputs;
  if (name === undefined || inputs.length > 1)
    return refuse(`Rerank model only supports single input, but gets [${inputs.join(', ')}] input`);
  const field = fieldByName(schema, name) ?? refuse(`Function input field not found: ${name.slice(0, 200)}`);
  if (field.dataType !== DataType.VarChar && field.dataType !== DataType.Text)
    refuse(`Rerank model only support varchar, bug got [${dataTypeName(field.dataType)}]`);
  if (field.nullable) refuse(`Function input field cannot be nullable: field ${name}`);
  const queries = new RequestParams(params).texts('queries') ?? [];
  if (queries.length === 0) refuse('Rerank function lost params queries');
  return { kind: 'model', field, queries, params };
}

/** @throws invalid_parameter where a model would not have a query for each of the search */
export function checkQueries(reranker: Reranker | undefined, nq: number): void {
  if (reranker?.kind !== 'model' || reranker.queries.length === nq) return;
  refuse(`nq must equal to queries size, but got nq [${nq}], queries size [${reranker.queries.length}]`);
}

/** The function of a function_score that ranks the hits of all segments. @throws invalid_parameter, unsupported */
export function rerankFunction(
  schema: CollectionSchema,
  { params: pairs, inputFieldNames }: FunctionSchema,
  requestCount: number,
): Reranker {
  const params = new RequestParams(pairs);
  const name = rerankerName(pairs);
  switch (name) {
    case 'rrf':
      refuseInputs(name, inputFieldNames);
      return rrfOf(params);
    case 'weighted':
      refuseInputs(name, inputFieldNames);
      return weightedOf(params, requestCount);
    case 'decay':
      return decayOf(schema, params, inputFieldNames);
    case 'model':
      return modelOf(schema, pairs, inputFieldNames);
    default:
      return refuse(
        `Unsupported rerank function: [${name.slice(0, 64)}] , list of supported [rrf, weighted, decay, model, boost]`,
      );
  }
}

function refuseInputs(name: string, inputs: readonly string[]): void {
  if (inputs.length > 0)
    refuse(`The ${name} function does not take input fields, but gets [${inputs.join(', ')}]`);
}

export const rerankerName = (pairs: readonly KeyValuePair[]): string =>
  new RequestParams(pairs).text('reranker')?.toLowerCase() ??
  refuse('reranker name not found in the params of the function');
