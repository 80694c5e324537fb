// Indexes in JSON, as collections/create and indexes/create take them.
import { z } from 'zod';
import type { Request, RestCall } from '#server/rest/rest-calls.js';
import { invalid, name, named, pairsOf, values, valueText } from './shapes.js';

export const indexShape = z.strictObject({
  fieldName: name,
  indexName: z.string().optional(),
  indexType: z.string().optional(),
  /** As claude-context writes it beside `metricType`; Milvus passes it over and builds an AUTOINDEX. */
  index_type: z.string().optional(),
  metricType: z.string().optional(),
  params: values.nullish(),
});

/** All names of the type say the same, as all are in use. */
export function createIndexRequest(
  index: z.output<typeof indexShape>,
  body: { readonly collectionName: string },
  call: Pick<RestCall, 'dbName'>,
): Request<'createIndex'> {
  const { index_type: inner, metric_type: innerMetric, ...params } = index.params ?? {};
  const indexType = oneOf('index_type', oneOf('index_type', index.indexType, index.index_type), inner);
  const metricType = oneOf('metric_type', index.metricType, innerMetric);
  return {
    ...named(body, call),
    fieldName: index.fieldName,
    indexName: index.indexName ?? '',
    extraParams: pairsOf({
      ...(indexType === undefined ? {} : { index_type: indexType }),
      ...(metricType === undefined ? {} : { metric_type: metricType }),
      ...(Object.keys(params).length === 0 ? {} : { params }),
    }),
  };
}

function oneOf(key: string, outer: string | undefined, inner: unknown): string | undefined {
  if (inner === undefined) return outer === '' ? undefined : outer;
  const text = valueText(inner);
  if (outer !== undefined && outer !== '' && outer !== text)
    return invalid(`${key} is given twice, as ${outer} and as ${text}; give it once`);
  return text;
}
