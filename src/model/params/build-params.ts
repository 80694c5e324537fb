// Build parameters of an index, by the table: read, checked, defaults filled in, and the rules that need the field's dimension.
import { ElanusError } from '#base/errors.js';
import { dimOf } from '#model/schema/field.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { type BuildParams, type IndexType, indexTypeSpec, PQ_TABLE_BYTES_MAX } from './index-types.js';
import { type ParamSpec, type ParamValue, sentValue } from './param-spec.js';
import { parseParam } from './param-value.js';

/** @throws invalid_parameter */
export function buildParamsOf(
  field: FieldSchema,
  indexType: IndexType,
  params: Readonly<Record<string, string>>,
): BuildParams {
  const spec = indexTypeSpec(indexType);
  const dim = dimOf(field);
  const values: Record<string, ParamValue> = { kind: spec.builtAs };
  for (const [name, param] of Object.entries(spec.build)) {
    const text = sentValue(param, (key) => textOf(params, key));
    values[name] = text === undefined ? defaultOf(param, dim) : parseParam(param, text, 'build');
    if (param.kind === 'divisor') checkDivides(Number(values[name]), dim);
  }
  const build = values as BuildParams;
  if (build.kind === 'MINHASH_LSH') checkMinHash(build.mhElementBitWidth, build.mhLshBand, dim);
  if (build.kind === 'HNSW_PQ') checkTables(build.m, build.nbits);
  if (build.kind === 'HNSW_PRQ') checkTables(build.m * build.nrq, build.nbits);
  return build;
}

/** Clients send `None` for what they leave to the server. */
function textOf(params: Readonly<Record<string, string>>, key: string): string | undefined {
  const text = Object.hasOwn(params, key) ? params[key]?.trim() : undefined;
  if (text === undefined || text === '' || text === 'null' || text === 'None') return undefined;
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

function defaultOf(param: ParamSpec, dim: number): ParamValue {
  if (param.kind !== 'divisor') return param.default ?? 0;
  let divisor = Math.min(param.default, Math.max(1, dim));
  while (dim % divisor !== 0) divisor--;
  return divisor;
}

function checkDivides(m: number, dim: number): void {
  if (dim % m === 0) return;
  const text = 'The dimension of a vector (dim) should be a multiple of the number of subquantizers (m).';
  throw new ElanusError('invalid_parameter', `${text} Dimension:${dim}, m:${m}: invalid parameter`);
}

function checkTables(tables: number, nbits: number): void {
  const bytes = tables * 2 ** nbits * 4;
  if (bytes <= PQ_TABLE_BYTES_MAX) return;
  const fact = `${tables} tables of ${2 ** nbits} numbers take ${bytes} bytes a query, expected at most ${PQ_TABLE_BYTES_MAX}`;
  throw new ElanusError(
    'invalid_parameter',
    `${fact}; use smaller nbits (8 suits most data), m or nrq: invalid parameter`,
  );
}

function checkMinHash(width: number, bands: number, dim: number): void {
  const refuse = (text: string): never => {
    throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
  };
  if (dim % width !== 0)
    refuse(
      `dim ${dim} is no multiple of mh_element_bit_width (${width}); it is number of hashes times width`,
    );
  const hashes = dim / width;
  if (hashes % bands !== 0) refuse(`mh_lsh_band (${bands}) should divide the number of hashes (${hashes})`);
}
