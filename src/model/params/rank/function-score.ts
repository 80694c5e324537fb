// `function_score`: functions that score hits anew. Boosts do so in each segment, before hits are brought together; at most one other function
// makes one list of all of them.
import { ElanusError } from '#base/errors.js';
import { RequestParams, refuse } from '#model/params/request-params.js';
import { fixedWidth, isStringType, isVectorType } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { fieldByName } from '#model/schema/schema-view.js';
import {
  type CollectionSchema,
  type FunctionSchema,
  type FunctionScore,
  FunctionType,
} from '#proto/milvus/schema.js';
import { type Reranker, rerankerName, rerankFunction } from './rerankers.js';

export interface Boost {
  /** Rows that it applies to; empty: all. */
  readonly filter: string;
  readonly weight: number;
  readonly random: { readonly seed: bigint; readonly fieldId: bigint } | undefined;
}

export interface Boosts {
  readonly functions: readonly Boost[];
  readonly addValues: boolean;
  readonly addToScore: boolean;
}

export interface ScoreFunctions {
  readonly boosts: Boosts | undefined;
  readonly reranker: Reranker | undefined;
}

const FUNCTIONS_MAX = 64;

/**
 * @param requestCount searches whose hits become one list
 * @throws invalid_parameter, unsupported
 */
export function parseFunctionScore(
  schema: CollectionSchema,
  { functions, params }: FunctionScore,
  requestCount: number,
): ScoreFunctions {
  if (functions.length < 1 || functions.length > FUNCTIONS_MAX)
    refuse(`function_score has ${functions.length} functions, expected 1 to ${FUNCTIONS_MAX}`);
  for (const { type, name } of functions) {
    if (type !== FunctionType.Rerank)
      refuse(`function ${name.slice(0, 200)} of function_score is of type ${type}, expected Rerank`);
  }
  const isBoost = (one: FunctionSchema): boolean => rerankerName(one.params) === 'boost';
  const boosts = functions.filter(isBoost);
  const [other, ...more] = functions.filter((one) => !isBoost(one));
  if (more.length > 0)
    refuse(`Currently only supports one rerank beside boosts, got ${more.length + 1} functions`);
  const modes = new RequestParams(params);
  return {
    boosts:
      boosts.length === 0
        ? undefined
        : {
            functions: boosts.map((one) => boostOf(schema, one)),
            addValues: isSum(modes, 'function_mode'),
            addToScore: isSum(modes, 'boost_mode'),
          },
    reranker: other && rerankFunction(schema, other, requestCount),
  };
}

function isSum(modes: RequestParams, key: 'function_mode' | 'boost_mode'): boolean {
  const mode = modes.text(key)?.toLowerCase() ?? 'multiply';
  if (mode !== 'multiply' && mode !== 'sum')
    refuse(`${key} [${mode.slice(0, 64)}] is invalid; use Multiply or Sum`);
  return mode === 'sum';
}

function boostOf(schema: CollectionSchema, { params: pairs, inputFieldNames }: FunctionSchema): Boost {
  if (inputFieldNames.length > 0)
    refuse(`The boost function does not take input fields, but gets [${inputFieldNames.join(', ')}]`);
  const params = new RequestParams(pairs);
  const weight = params.number('weight') ?? refuse('boost: weight not found in the params of the function');
  return { filter: params.text('filter') ?? '', weight, random: randomOf(schema, params) };
}

function randomOf(schema: CollectionSchema, params: RequestParams): Boost['random'] {
  if (params.text('random_score') === undefined) return undefined;
  const { seed = 0, field, ...more } = params.object('random_score');
  const [unknown] = Object.keys(more);
  if (unknown !== undefined)
    refuse(`random_score has the key ${unknown.slice(0, 64)}; expected seed and field`);
  const number = typeof seed === 'string' ? Number(seed) : seed;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    return refuse(`random_score: seed [${String(seed).slice(0, 64)}] is invalid; expected an integer`);
  return { seed: BigInt(number), fieldId: randomField(schema, field) };
}

function randomField(schema: CollectionSchema, name: unknown): bigint {
  if (name === undefined) return primaryField(schema).fieldID;
  const field = typeof name === 'string' ? fieldByName(schema, name) : undefined;
  if (field === undefined)
    throw new ElanusError('invalid_parameter', `random_score: field ${String(name).slice(0, 200)} not exist`);
  const isPlain = isStringType(field.dataType) || fixedWidth(field.dataType, 0) !== undefined;
  if (isVectorType(field.dataType) || !isPlain)
    refuse(`random_score: field ${field.name} has no plain values; name a number or a text`);
  return field.fieldID;
}
