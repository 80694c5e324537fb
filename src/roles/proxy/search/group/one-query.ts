// One of the queries of a search, as a search of its own.
import { bytesView } from '#base/bytes.js';
import { sparseQueryBegins } from '#index/sparse/sparse-query.js';
import { DataType } from '#model/schema/data-type.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { uint32sOf } from '#segment/search/hits.js';

export function oneQuery(search: CheckedSearch, query: number): CheckedSearch {
  const { queries, queryCount, listLengths, plan } = search;
  if (queryCount === 1) return search;
  if (plan.params.annsField.dataType === DataType.SparseFloatVector) {
    const begins = sparseQueryBegins(queries);
    const one = queries.slice(begins[query] ?? 0, begins[query + 1] ?? queries.length);
    return { ...search, queries: one, queryCount: 1 };
  }
  if (listLengths.length === 0) {
    const width = queries.length / queryCount;
    return { ...search, queries: queries.slice(query * width, (query + 1) * width), queryCount: 1 };
  }
  const lists = uint32sOf(listLengths);
  const vectors = lists.reduce((sum, length) => sum + length, 0);
  const width = queries.length / vectors;
  const begin = lists.subarray(0, query).reduce((sum, length) => sum + length, 0) * width;
  const length = lists[query] ?? 0;
  return {
    ...search,
    queries: queries.slice(begin, begin + length * width),
    listLengths: bytesView(Uint32Array.of(length)),
    queryCount: 1,
  };
}
