// The extra_params of CreateIndex: one JSON text under `params` or flat keys, or both; both forms occur in one client.
// The types, their metrics and their parameters are the table in index-types.ts; unknown keys are kept and answered, not judged.
import { ElanusError } from '#base/errors.js';
import { doubledKey } from '#model/json/json-members.js';
import {
  elementMetricOf,
  isListMetric,
  type ListMetricName,
  listMetricOf,
} from '#model/schema/list-metric.js';
import { isMetricName, type MetricName } from '#model/schema/metric-type.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { elementField, isVectorList } from '#model/schema/struct-arrays.js';
import { type VectorType, vectorTypeOf, vectorTypes } from '#model/schema/vector-type.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { buildParamsOf } from './build-params.js';
import { builtIndexTypes, builtVectorTypes } from './built-index-types.js';
import {
  type BuildParams,
  gpuIndexTypes,
  type IndexType,
  indexTypeNames,
  indexTypeSpec,
  isIndexType,
} from './index-types.js';
import { isScalarIndexType } from './scalar-index-types.js';

export interface IndexParams {
  readonly indexType: IndexType;
  /** On lists of vectors that of lists, or of single vectors where they are searched one by one. */
  readonly metricType: MetricName | ListMetricName;
  /** Build parameters, the flat ones and those of the JSON text together; unknown keys are kept. */
  readonly params: Readonly<Record<string, string>>;
  /** What DescribeIndex answers: the pairs as sent, plus the type and metric chosen for the client. */
  readonly asSent: Readonly<Record<string, string>>;
  /** The parameters of the type, checked, defaults filled in. `build.kind` is what to build, which differs from an alias. */
  readonly build: BuildParams;
}

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

const supportedText = (): string => {
  const types = indexTypeNames.filter((type) => builtIndexTypes.has(indexTypeSpec(type).builtAs));
  return `supported in this version: ${types.join(', ')} on ${[...builtVectorTypes].join(', ')} fields`;
};

/** The pairs of a request: as they were sent, and those of the JSON text among them. @throws invalid_parameter */
export function sentIndexParams(
  field: FieldSchema,
  extraParams: readonly KeyValuePair[],
): { readonly asSent: Record<string, string>; readonly params: Record<string, string> } {
  const asSent: Record<string, string> = {};
  for (const { key, value } of extraParams) {
    // Maps of this name would lose it.
    if (key === '__proto__') refuse(`index param ${key} of field ${field.name} is not valid; leave it out`);
    if (Object.hasOwn(asSent, key))
      refuse(`duplicated index param ${key} of field ${field.name}; send it once`);
    asSent[key] = value;
  }
  checkSaidOnce(asSent);
  return { asSent, params: mergedParams(asSent) };
}

/** Reads the params of an index on a vector field. @throws invalid_parameter, unsupported */
export function parseIndexParams(field: FieldSchema, extraParams: readonly KeyValuePair[]): IndexParams {
  const { asSent, params } = sentIndexParams(field, extraParams);
  const element = isVectorList(field) ? elementField(field) : field;
  const { indexType, vectorType } = parseIndexType(element, params.index_type ?? '');
  const metricType = isVectorList(field)
    ? listMetricTypeOf(element, vectorType, indexType, params.metric_type ?? '')
    : metricTypeOf(field, vectorType, indexType, params.metric_type ?? '');
  delete params.index_type;
  delete params.metric_type;
  const build = buildParamsOf(field, indexType, params);
  return {
    indexType,
    metricType,
    params,
    asSent: { ...asSent, index_type: indexType, metric_type: metricType },
    build,
  };
}

/** The build parameters of an index that was accepted once, from its pairs as sent; whoever builds or loads it asks here. */
export function storedBuildParams(
  field: FieldSchema,
  indexType: string,
  asSent: Readonly<Record<string, string>>,
): BuildParams {
  if (isIndexType(indexType)) return buildParamsOf(field, indexType, mergedParams(asSent));
  throw new ElanusError(
    'data_corrupt',
    `index of field ${field.name} is of type ${indexType}, expected one of ${indexTypeNames.join(', ')}`,
  );
}

function parseIndexType(field: FieldSchema, text: string): { indexType: IndexType; vectorType: VectorType } {
  const name = text.trim() === '' ? 'AUTOINDEX' : text.trim().toUpperCase();
  if (!isIndexType(name) && !isScalarIndexType(name) && !gpuIndexTypes.has(name)) {
    return refuse(
      `invalid index type: ${text.slice(0, 200)}; ${supportedText()}: invalid parameter[expected=valid index][actual=${text.slice(0, 200)}]`,
    );
  }
  if (name === 'BITMAP') refuse('bitmap index are only supported on bool, int, string and array field');
  const gpu = gpuIndexTypes.get(name);
  if (gpu !== undefined) {
    const fact = `index type ${name} of field ${field.name} needs a graphics card, this server computes on CPUs`;
    throw new ElanusError('unsupported', `${fact} and does not support it; use ${gpu}`);
  }
  const vectorType = vectorTypeOf(field.dataType);
  const typeName = dataTypeName(field.dataType);
  if (
    vectorType === undefined ||
    !isIndexType(name) ||
    !indexTypeSpec(name).vectorTypes.includes(vectorType)
  ) {
    const fits =
      vectorType &&
      indexTypeNames.filter(
        (type) =>
          indexTypeSpec(type).vectorTypes.includes(vectorType) &&
          builtIndexTypes.has(indexTypeSpec(type).builtAs),
      );
    const remedy = fits === undefined ? 'it is an index of vector fields' : `use one of ${fits.join(', ')}`;
    return refuse(
      `data type ${typeName} can't build with this index ${name}: invalid parameter; field ${field.name}: ${remedy}`,
    );
  }
  if (!builtIndexTypes.has(indexTypeSpec(name).builtAs) || !builtVectorTypes.has(vectorType)) {
    const what = `index type ${name} of field ${field.name} of type ${typeName}`;
    throw new ElanusError('unsupported', `${what} is not supported yet; ${supportedText()}`);
  }
  return { indexType: name, vectorType };
}

/** Metrics that the index type can compute on vectors of the type. */
export function metricsOf(vectorType: VectorType, indexType: IndexType): readonly MetricName[] {
  const ofVector: readonly MetricName[] = vectorTypes[vectorType].metrics;
  return ofVector.filter((metric) => indexTypeSpec(indexType).metrics.includes(metric));
}

function metricTypeOf(
  field: FieldSchema,
  vectorType: VectorType,
  indexType: IndexType,
  text: string,
): MetricName {
  const possible = metricsOf(vectorType, indexType);
  const isBm25 = field.isFunctionOutput && vectorType === 'SparseFloatVector';
  const name = text.trim().toUpperCase();
  const usual: MetricName = isBm25 ? 'BM25' : vectorTypes[vectorType].defaultMetric;
  const metric = name !== '' ? name : possible.includes(usual) ? usual : (possible[0] ?? usual);
  if (!isMetricName(metric) || !possible.includes(metric)) {
    const fact =
      vectorType === 'SparseFloatVector'
        ? `only IP&BM25 is the supported metric type for sparse index, got ${text}`
        : `${vectorTypes[vectorType].name} index does not support metric type: ${text.slice(0, 200)}`;
    return refuse(
      `${fact}; index ${indexType} on field ${field.name} of type ${vectorType} takes ${possible.join(', ')}`,
    );
  }
  if (isBm25 && metric !== 'BM25')
    refuse(
      `BM25 function output field ${field.name} only supports BM25 metric type, got ${metric}; leave it out`,
    );
  if (!isBm25 && metric === 'BM25') {
    refuse(
      `only BM25 function output field supports BM25 metric type, field ${field.name} is none; use ${usual}`,
    );
  }
  return metric;
}

/** Types that keep vectors in files, or know no single vectors. */
const notOnLists: ReadonlySet<string> = new Set(['DISKANN', 'MINHASH_LSH']);

/** The metric of lists by default; one of single vectors where the client names it: each vector is then searched for itself. */
function listMetricTypeOf(
  element: FieldSchema,
  vectorType: VectorType,
  indexType: IndexType,
  text: string,
): MetricName | ListMetricName {
  if (notOnLists.has(indexTypeSpec(indexType).builtAs))
    throw new ElanusError(
      'unsupported',
      `index type ${indexType} of field ${element.name} is not supported on arrays of vectors yet; use HNSW`,
    );
  const name = text.trim().toUpperCase();
  const isList = name === '' || isListMetric(name);
  const wanted = isListMetric(name) ? (elementMetricOf(name) ?? name) : name;
  const metric = metricTypeOf(element, vectorType, indexType, wanted);
  if (!isList) return metric;
  if (isListMetric(name)) return name;
  return (
    listMetricOf(metric) ??
    refuse(`${vectorTypes[vectorType].name} index does not support metric type: ${text.slice(0, 200)}`)
  );
}

/** Checked in requests only: an index that was once accepted must load, whatever its pairs say twice. */
function checkSaidOnce(asSent: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(innerParams(asSent.params))) {
    const flat = Object.hasOwn(asSent, key) ? asSent[key] : undefined;
    if (flat === undefined || flat.toLowerCase() === value.toLowerCase()) continue;
    refuse(`index param ${key} is ${flat.slice(0, 64)} and, in params, ${value.slice(0, 64)}; send it once`);
  }
  const doubled = doubledKey(asSent.params ?? '');
  if (doubled !== undefined) refuse(`index params has the key ${doubled.slice(0, 200)} twice; send it once`);
}

export function mergedParams(asSent: Readonly<Record<string, string>>): Record<string, string> {
  const params = { ...innerParams(asSent.params), ...asSent };
  delete params.params;
  return params;
}

function innerParams(text: string | undefined): Record<string, string> {
  if (text === undefined || text.trim() === '') return {};
  const notAnObject = (cause?: unknown): never => {
    throw new ElanusError('invalid_parameter', `index params is not a JSON object: ${text.slice(0, 200)}`, {
      cause,
    });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    notAnObject(cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return notAnObject();
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, typeof one === 'string' ? one : JSON.stringify(one)]),
  );
}

export type ComparedIndex = { readonly indexType: string; readonly metricType: string } & Pick<
  IndexParams,
  'params'
>;

/** Whether creating index `b` where `a` is changes nothing. */
export function sameIndex(a: ComparedIndex, b: ComparedIndex): boolean {
  if (a.indexType !== b.indexType || a.metricType !== b.metricType) return false;
  const names = Object.keys(a.params);
  return (
    names.length === Object.keys(b.params).length && names.every((name) => a.params[name] === b.params[name])
  );
}
