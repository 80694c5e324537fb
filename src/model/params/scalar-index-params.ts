// The extra_params of CreateIndex on a scalar field: its type, the lengths of grams, and of a JSON field the path and the type that values
// there are taken as. Unknown keys are kept and answered, not judged.
import { ElanusError } from '#base/errors.js';
import { DataType } from '#model/schema/data-type.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { isVectorList } from '#model/schema/struct-arrays.js';
import { vectorTypeOf } from '#model/schema/vector-type.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { mergedParams, parseIndexParams, sentIndexParams } from './index-params.js';
import { gpuIndexTypes, isIndexType } from './index-types.js';
import {
  chosenScalarType,
  isScalarIndexType,
  type ScalarIndexType,
  scalarIndexSpecs,
  scalarIndexTypeNames,
} from './scalar-index-types.js';

export const jsonCastTypes = [
  'BOOL',
  'DOUBLE',
  'VARCHAR',
  'ARRAY_BOOL',
  'ARRAY_DOUBLE',
  'ARRAY_VARCHAR',
  /** What is at the paths below, each as what it is. */
  'JSON',
] as const;
export type JsonCastType = (typeof jsonCastTypes)[number];

/** What is to be built, with everything checked and chosen. */
export interface ScalarBuildParams {
  readonly kind: ScalarIndexType;
  /** Characters of the grams of an NGRAM index, and of what is built for FMINDEX. */
  readonly grams: { readonly min: number; readonly max: number } | undefined;
  /** Path and type, on a JSON field. */
  readonly json: { readonly path: string | undefined; readonly castType: JsonCastType } | undefined;
}

/** An index of any field, as it is kept with the collection. */
export interface AnyIndexParams {
  readonly indexType: string;
  /** Empty: of a scalar field. */
  readonly metricType: string;
  readonly params: Readonly<Record<string, string>>;
  readonly asSent: Readonly<Record<string, string>>;
}

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/** @throws invalid_parameter, unsupported */
export function parseAnyIndexParams(
  field: FieldSchema,
  extraParams: readonly KeyValuePair[],
): AnyIndexParams {
  if (vectorTypeOf(field.dataType) !== undefined || isVectorList(field))
    return parseIndexParams(field, extraParams);
  const { asSent, params } = sentIndexParams(field, extraParams);
  const indexType = scalarTypeOf(field, params.index_type ?? '');
  buildOf(field, indexType, params);
  delete params.index_type;
  return { indexType, metricType: '', params, asSent: { ...asSent, index_type: indexType } };
}

/** What to build for an index that was accepted once, from its pairs as sent. */
export function storedScalarBuild(
  field: FieldSchema,
  indexType: string,
  asSent: Readonly<Record<string, string>>,
): ScalarBuildParams {
  if (indexType === 'AUTOINDEX' || isScalarIndexType(indexType))
    return buildOf(field, indexType, mergedParams(asSent));
  throw new ElanusError(
    'data_corrupt',
    `index of field ${field.name} is of type ${indexType}, expected one of ${scalarIndexTypeNames.join(', ')}`,
  );
}

function scalarTypeOf(field: FieldSchema, text: string): ScalarIndexType | 'AUTOINDEX' {
  const name = text.trim() === '' ? 'AUTOINDEX' : text.trim().toUpperCase();
  if (name === 'AUTOINDEX' || isScalarIndexType(name)) return name;
  const shown = text.slice(0, 200);
  if (isIndexType(name) || gpuIndexTypes.has(name)) {
    return refuse(
      `data type ${dataTypeName(field.dataType)} can't build with this index ${name}: invalid parameter; field ${field.name}: it is an index of vector fields`,
    );
  }
  const types = scalarIndexTypeNames.filter((type) => scalarIndexSpecs[type].fits(field)).join(', ');
  return refuse(
    `invalid index type: ${shown}; field ${field.name} takes ${types}: invalid parameter[expected=valid index][actual=${shown}]`,
  );
}

type Params = Readonly<Record<string, string>>;

function buildOf(
  field: FieldSchema,
  indexType: ScalarIndexType | 'AUTOINDEX',
  params: Params,
): ScalarBuildParams {
  const kind = indexType === 'AUTOINDEX' ? chosenScalarType(field) : indexType;
  const type = dataTypeName(field.dataType);
  if (kind === undefined)
    return refuse(`create auto index on type:${type} is not supported; field ${field.name}`);
  if (kind === 'BITMAP' && field.isPrimaryKey) refuse('create bitmap index on primary key not supported');
  if (!scalarIndexSpecs[kind].fits(field))
    refuse(
      `${scalarIndexSpecs[kind].refusal(type)}: invalid parameter; field ${field.name} is of type ${type}`,
    );
  const json = field.dataType === DataType.JSON ? jsonOf(kind, params) : undefined;
  if (kind === 'FMINDEX') checkFmIndex(params);
  const grams = kind === 'NGRAM' ? gramsOf(params) : kind === 'FMINDEX' ? FM_GRAMS : undefined;
  return { kind, grams, json };
}

/** FMINDEX is one of grams here: it helps the same filters, and its own parameters only weigh its size against its time. */
const FM_GRAMS = { min: 2, max: 3 } as const;
const FM_SAMPLE_RATES = { min: 4, max: 256 } as const;
const FM_BLOCK_BYTES: readonly number[] = [8, 16, 32, 64, 128];

function checkFmIndex({ fm_sa_sample_rate: rate, fm_block_bytes: block }: Params): void {
  const { min, max } = FM_SAMPLE_RATES;
  const isWhole = (text: string): boolean => /^\d{1,9}$/.test(text.trim());
  if (rate !== undefined && !(isWhole(rate) && Number(rate) >= min && Number(rate) <= max))
    refuse(
      `fm_sa_sample_rate of an FMINDEX index is ${rate.slice(0, 64)}, expected a whole number from ${min} to ${max}: invalid parameter`,
    );
  if (block !== undefined && !(isWhole(block) && FM_BLOCK_BYTES.includes(Number(block))))
    refuse(
      `fm_block_bytes of an FMINDEX index is ${block.slice(0, 64)}, expected one of ${FM_BLOCK_BYTES.join(', ')}: invalid parameter`,
    );
}

function jsonOf(kind: ScalarIndexType, params: Params): ScalarBuildParams['json'] {
  const castType = params.json_cast_type?.trim().toUpperCase() ?? '';
  if (castType === '')
    refuse('json index must specify cast type: missing parameter[missing_param=json_cast_type]');
  if (!isCastType(castType))
    return refuse(
      `json_cast_type ${castType.slice(0, 64)} is not supported, expected ${jsonCastTypes.join(', ')}`,
    );
  if (kind === 'NGRAM' && castType !== 'VARCHAR') refuse('json_cast_type must be varchar for NGRAM index');
  checkCastFunction(params.json_cast_function, castType);
  return { path: params.json_path, castType };
}

/** The path of a request; undefined: the whole field. */
export const jsonPathIn = (asSent: Params): string | undefined => mergedParams(asSent).json_path;

/** Without a path, the name that was given as the field's is one: of a JSON field the whole of it, of a dynamic key its own. */
export const withPath = (asSent: Params, fieldName: string): Params =>
  jsonPathIn(asSent) === undefined ? { ...asSent, json_path: fieldName } : asSent;

const isCastType = (name: string): name is JsonCastType => jsonCastTypes.some((one) => one === name);

function checkCastFunction(text: string | undefined, castType: JsonCastType): void {
  if (text === undefined || text === '') return;
  const name = text.trim().toUpperCase();
  if (name !== 'STRING_TO_DOUBLE') refuse(`json_cast_function ${text.slice(0, 64)} is not supported`);
  if (castType !== 'DOUBLE')
    refuse(`json_cast_function ${name} is not supported for json_cast_type ${castType}`);
}

function gramsOf(params: Params): { readonly min: number; readonly max: number } {
  const [min, max] = [params.min_gram, params.max_gram];
  if (min === undefined || max === undefined) refuse('NGRAM index must specify both min_gram and max_gram');
  const numbers = [integerOf('min_gram', min ?? ''), integerOf('max_gram', max ?? '')] as const;
  if (numbers[0] < 1 || numbers[0] > numbers[1]) {
    refuse(
      `invalid min_gram or max_gram value for Ngram index, expected 0 < min_gram <= max_gram, min_gram: ${numbers[0]}, max_gram: ${numbers[1]}`,
    );
  }
  return { min: numbers[0], max: numbers[1] };
}

function integerOf(key: string, text: string): number {
  if (/^-?\d{1,9}$/.test(text.trim())) return Number(text);
  return refuse(`${key} for Ngram index must be an integer, got: ${text.slice(0, 64)}`);
}
