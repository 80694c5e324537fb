// What a new index of a field becomes in the record of its collection, or why it cannot: for CreateIndex, and for fields that come with one.
import { ElanusError } from '#base/errors.js';
import { pointerOf, readJsonPath } from '#expr/json-path.js';
import { isIndexHint } from '#model/params/index-hints.js';
import { sameIndex } from '#model/params/index-params.js';
import {
  jsonPathIn,
  parseAnyIndexParams,
  storedScalarBuild,
  withPath,
} from '#model/params/scalar-index-params.js';
import { checkName } from '#model/schema/names.js';
import type { IndexRecord } from '#proto/elanus/data.js';
import type { AddedIndex } from '#proto/elanus/roles.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';

export interface WantedIndex {
  /** Empty: the usual one. */
  readonly indexName: string;
  readonly indexType: string;
  readonly metricType: string;
  readonly params: { readonly [key: string]: string };
}

/** The index as a client asks for it together with its field. @throws invalid_parameter, unsupported */
export function wantedIndex(field: FieldSchema, { indexName, extraParams }: AddedIndex): WantedIndex {
  const { indexType, metricType, asSent } = parseAnyIndexParams(field, extraParams);
  const params = field.dataType === DataType.JSON ? withPath(asSent, field.name) : asSent;
  return { indexName, indexType, metricType, params };
}

/** @returns undefined where there is one like it @throws refused for another one, and for a name that is taken */
export function newIndex(
  record: { readonly indexes: readonly IndexRecord[] },
  field: FieldSchema,
  request: WantedIndex,
): Omit<IndexRecord, 'id'> | undefined {
  const subject = subjectOf(field, request.params);
  const usual = field.name + subject.suffix;
  const name = request.indexName === '' ? usual : request.indexName;
  // The usual name is that of the field and the path; a column of a struct array has brackets in its own, a path has slashes.
  if (name !== field.name && name !== usual) checkName('index', name);
  const same = record.indexes.find(
    (index) =>
      index.fieldId === field.fieldID && subjectOf(field, index.params).identity === subject.identity,
  );
  if (same !== undefined) {
    if (
      sameIndex(
        parseAnyIndexParams(field, withoutHints(paramPairs(same))),
        parseAnyIndexParams(field, withoutHints(paramPairs(request))),
      ) &&
      (request.indexName === '' || same.name === name)
    )
      return undefined;
    throw new ElanusError(
      'refused',
      `CreateIndex failed: at most one distinct index is allowed per field; drop index ${same.name} first`,
    );
  }
  if (record.indexes.some((index) => index.name === name)) {
    throw new ElanusError(
      'refused',
      `CreateIndex failed: index name ${name} is taken by another field; choose another`,
    );
  }
  return {
    name,
    fieldId: field.fieldID,
    indexType: request.indexType,
    metricType: request.metricType,
    params: { ...request.params },
  };
}

/** What of a field an index is on: the whole, or of a JSON field the values of one type at one path. */
function subjectOf(
  field: FieldSchema,
  asSent: Readonly<Record<string, string>>,
): { readonly identity: string; readonly suffix: string } {
  if (field.dataType !== DataType.JSON) return { identity: '', suffix: '' };
  const path = readJsonPath(field, jsonPathIn(asSent));
  const { json } = storedScalarBuild(field, 'AUTOINDEX', asSent);
  return { identity: JSON.stringify([path, json?.castType]), suffix: pointerOf(path) };
}

const withoutHints = (pairs: readonly KeyValuePair[]): KeyValuePair[] =>
  pairs.filter(({ key }) => !isIndexHint(key));

const paramPairs = (index: {
  readonly indexType: string;
  readonly metricType: string;
  readonly params: Readonly<Record<string, string>>;
}) =>
  Object.entries({
    ...index.params,
    index_type: index.indexType,
    // Scalar fields have none.
    ...(index.metricType !== '' && { metric_type: index.metricType }),
  }).map(([key, value]) => ({ key, value }));
