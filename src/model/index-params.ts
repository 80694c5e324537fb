// The extra_params of CreateIndex: one JSON text under `params` or flat keys, or both; both forms occur in one client.
// This version builds FLAT; AUTOINDEX lets the server choose.
import { ElanusError } from '#base/errors.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { dataTypeName } from './schema-view.js';

export type MetricType = 'L2' | 'IP' | 'COSINE';
export type IndexType = 'FLAT' | 'AUTOINDEX';
export const DEFAULT_METRIC: MetricType = 'COSINE';

export interface IndexParams {
  readonly indexType: IndexType;
  readonly metricType: MetricType;
  /** Build parameters, the flat ones and those of the JSON text together; unknown keys are kept. */
  readonly params: Readonly<Record<string, string>>;
  /** What DescribeIndex answers: the pairs as sent, plus the type and metric chosen for the client. */
  readonly asSent: Readonly<Record<string, string>>;
}

const metricTypes: readonly string[] = ['L2', 'IP', 'COSINE'];
const indexTypes: readonly string[] = ['FLAT', 'AUTOINDEX'];
/** Index types of Milvus that a later version may build: an honest "not yet" instead of "what is that". */
const laterIndexTypes: ReadonlySet<string> = new Set([
  ...['IVF_FLAT', 'IVF_SQ8', 'IVF_PQ', 'IVF_RABITQ', 'HNSW', 'HNSW_SQ', 'HNSW_PQ', 'HNSW_PRQ', 'SCANN', 'DISKANN', 'AISAQ'],
  ...['GPU_CAGRA', 'GPU_IVF_FLAT', 'GPU_IVF_PQ', 'GPU_BRUTE_FORCE', 'BIN_FLAT', 'BIN_IVF_FLAT', 'MINHASH_LSH'],
  ...['SPARSE_INVERTED_INDEX', 'SPARSE_WAND', 'INVERTED', 'BITMAP', 'TRIE', 'STL_SORT', 'NGRAM', 'RTREE', 'FMINDEX'],
]);
const supportedText = `supported in this version: ${indexTypes.join(', ')} on FloatVector fields, with metric ${metricTypes.join(', ')}`;

/** @throws invalid_parameter, unsupported */
export function parseIndexParams(field: FieldSchema, extraParams: readonly KeyValuePair[]): IndexParams {
  const asSent: Record<string, string> = {};
  for (const { key, value } of extraParams) {
    if (Object.hasOwn(asSent, key))
      throw new ElanusError('invalid_parameter', `duplicated index param ${key} of field ${field.name}; send it once`);
    asSent[key] = value;
  }
  const params = { ...innerParams(asSent.params), ...asSent };
  delete params.params;
  const indexType = parseIndexType(field, params.index_type ?? '');
  const metricType = parseMetricType(params.metric_type || DEFAULT_METRIC);
  delete params.index_type;
  delete params.metric_type;
  return { indexType, metricType, params, asSent: { ...asSent, index_type: indexType, metric_type: metricType } };
}

function parseIndexType(field: FieldSchema, text: string): IndexType {
  const name = text === '' ? 'AUTOINDEX' : text.toUpperCase();
  if (!indexTypes.includes(name) && !laterIndexTypes.has(name)) {
    throw new ElanusError(
      'invalid_parameter',
      `invalid index type: ${text}; ${supportedText}: invalid parameter[expected=valid index][actual=${text}]`,
    );
  }
  if (name === 'BITMAP') checkBitmap(field);
  if (field.dataType !== DataType.FloatVector) {
    const what = `index ${name} on field ${field.name} of type ${dataTypeName(field.dataType)}`;
    throw new ElanusError('unsupported', `${what} is not supported yet, filters work without one; ${supportedText}`);
  }
  if (laterIndexTypes.has(name))
    throw new ElanusError('unsupported', `index type ${name} of field ${field.name} is not supported yet; ${supportedText}`);
  return name as IndexType;
}

function checkBitmap(field: FieldSchema): void {
  if (field.isPrimaryKey) throw new ElanusError('invalid_parameter', 'create bitmap index on primary key not supported');
  const type = field.dataType;
  if (type === DataType.Float || type === DataType.Double || type === DataType.JSON || type === DataType.FloatVector) {
    throw new ElanusError('invalid_parameter', 'bitmap index are only supported on bool, int, string and array field');
  }
}

/** Case does not matter. @throws invalid_parameter */
export function parseMetricType(text: string): MetricType {
  const name = text.trim().toUpperCase();
  if (metricTypes.includes(name)) return name as MetricType;
  throw new ElanusError('invalid_parameter', `float vector index does not support metric type: ${text}; use ${metricTypes.join(', ')}`);
}

function innerParams(text: string | undefined): Record<string, string> {
  if (text === undefined || text.trim() === '') return {};
  const refuse = (cause?: unknown): never => {
    throw new ElanusError('invalid_parameter', `index params is not a JSON object: ${text.slice(0, 200)}`, { cause });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    refuse(cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse();
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, typeof one === 'string' ? one : JSON.stringify(one)]));
}

/** Whether creating index `b` where `a` is changes nothing. */
export function sameIndex(a: IndexParams, b: IndexParams): boolean {
  if (a.indexType !== b.indexType || a.metricType !== b.metricType) return false;
  const names = Object.keys(a.params);
  return names.length === Object.keys(b.params).length && names.every((name) => a.params[name] === b.params[name]);
}
