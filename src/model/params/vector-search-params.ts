// What a search asks of the vector index: all keys are read and checked before anybody knows the index (`parseVectorSearchParams`);
// what depends on the index comes when it is known (`checkSearchParams`).
import { ElanusError } from '#base/errors.js';
import { widthsOfLevel } from './auto-level.js';
import { type BuildParams, type IndexType, indexTypeSpec } from './index-types.js';
import { type ParamSpec, type ParamValue, sentValue } from './param-spec.js';
import { parseParam } from './param-value.js';
import type { RequestParams } from './request-params.js';
import {
  searchParamNames,
  searchParamTable,
  type VectorSearchParams,
  widthParams,
} from './search-param-table.js';

/**
 * Keys of the inner `params` object go before those beside it, where Node repeats them.
 * @throws invalid_parameter
 */
export function parseVectorSearchParams(
  inner: Readonly<Record<string, unknown>>,
  sent: RequestParams,
  range: { readonly radius: number | undefined; readonly rangeFilter: number | undefined },
): VectorSearchParams {
  const values: Record<string, ParamValue> = {};
  for (const name of searchParamNames) {
    const spec: ParamSpec = searchParamTable[name];
    const text = sentValue(spec, (key) => innerText(inner, key)) ?? sentValue(spec, (key) => sent.text(key));
    if (text !== undefined) values[name] = parseParam(spec, text, 'search');
  }
  if (range.radius !== undefined) values.radius = range.radius;
  if (range.rangeFilter !== undefined) values.rangeFilter = range.rangeFilter;
  return values as VectorSearchParams;
}

/** A key that is there counts, also with null or an empty text: those are refused, as Milvus does. */
function innerText(inner: Readonly<Record<string, unknown>>, key: string): string | undefined {
  if (!Object.hasOwn(inner, key)) return undefined;
  const value = inner[key];
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? undefined);
}

/**
 * The parameters that the index uses, with its defaults filled in; `k` is what the search collects (limit plus offset).
 * An `nprobe` above the number of lists probes all of them. A range search has no k to be compared with.
 * @throws invalid_parameter when a width of the search is below k
 */
export function checkSearchParams(
  indexType: IndexType,
  params: VectorSearchParams,
  k: number,
  build: BuildParams,
): VectorSearchParams {
  const values: Record<string, ParamValue> = {};
  for (const name of indexTypeSpec(indexType).search) {
    const spec: ParamSpec = searchParamTable[name];
    const width = widthParams.get(name);
    const asked = params[name];
    if (asked === undefined) {
      // How many candidates are scored exactly is the index's own choice, unless the client makes it.
      if (name === 'refineK' || name === 'reorderK') continue;
      const usual = width === undefined ? defaultOf(spec) : widthsOfLevel(USUAL_LEVEL, k).ef;
      if (usual !== undefined) values[name] = usual;
    } else {
      if (width !== undefined && Number(asked) < k && params.radius === undefined) {
        throw new ElanusError(
          'invalid_parameter',
          `${width}(${asked}) should be larger than k(${k}): invalid parameter`,
        );
      }
      values[name] = asked;
    }
  }
  // AUTOINDEX maps its level to widths; a width that the client sent for the index it thinks of goes before.
  if (typeof values.level === 'number') {
    values.ef = params.ef === undefined ? widthsOfLevel(values.level, k).ef : Math.max(k, params.ef);
    // An index that has learned what levels need takes the level itself.
    if (params.ef !== undefined) delete values.level;
  }
  if ('nlist' in build && values.nprobe !== undefined)
    values.nprobe = Math.min(Number(values.nprobe), build.nlist);
  if (params.radius !== undefined) values.radius = params.radius;
  if (params.rangeFilter !== undefined) values.rangeFilter = params.rangeFilter;
  return values as VectorSearchParams;
}

/** A search of a graph that asks for no width is meant to find what is there, whichever type the graph has (ADR 0110). */
const USUAL_LEVEL = searchParamTable.level.default;

const defaultOf = (spec: ParamSpec): ParamValue | undefined => spec.default;
