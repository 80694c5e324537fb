// Creates and drops index definitions; index-reconciler.ts sees to it that files follow them.
import { ElanusError } from '#base/errors.js';
import { pointerOf, readJsonPath } from '#expr/json-path.js';
import { isIndexHint } from '#model/params/index-hints.js';
import { sameIndex } from '#model/params/index-params.js';
import { jsonPathIn, parseAnyIndexParams, storedScalarBuild } from '#model/params/scalar-index-params.js';
import { isVectorType } from '#model/schema/data-type.js';
import { checkName } from '#model/schema/names.js';
import type { CollectionRecord, IndexRecord } from '#proto/elanus/data.js';
import type {
  AlterIndexDefinition,
  CreateIndexDefinition,
  DropIndexDefinition,
} from '#proto/elanus/roles.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { clearing, type DdlLocks, type DdlParts, nameOf, present } from './ddl-parts.js';

export class IndexDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  create(request: CreateIndexDefinition): Promise<bigint> {
    const collectionRef = present(request.collection);
    return this.#locks.collection(collectionRef, async () => {
      const record = this.#parts.catalog.resolve(collectionRef);
      const field = record.schema?.fields.find((candidate) => candidate.name === request.fieldName);
      if (field === undefined) {
        throw new ElanusError(
          'refused',
          `cannot create index on non-exist field: ${request.fieldName}; collection ${nameOf(record)} has the fields ${record.schema?.fields.map((candidate) => candidate.name).join(', ')}`,
        );
      }
      const subject = subjectOf(field, request.params);
      const usual = request.fieldName + subject.suffix;
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
          return record.id;
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
      const index = {
        id: await this.#parts.allocateId(),
        name,
        fieldId: field.fieldID,
        indexType: request.indexType,
        metricType: request.metricType,
        params: request.params,
      };
      await this.#parts.catalog.saveCollection({ ...record, indexes: [...record.indexes, index] });
      return record.id;
    });
  }

  /** Changes hints of an index; its files stay. @throws index_not_found */
  alter({ collection, indexName, params, deleteKeys }: AlterIndexDefinition): Promise<void> {
    const collectionRef = present(collection);
    return this.#locks.collection(collectionRef, async () => {
      const { catalog } = this.#parts;
      const record = catalog.resolve(collectionRef);
      const index = indexNamed(record, indexName);
      if (index === undefined)
        throw new ElanusError(
          'index_not_found',
          `index not found[indexName=${indexName}][collection=${nameOf(record)}]; create it first`,
        );
      const kept = Object.entries(index.params).filter(([key]) => !deleteKeys.includes(key));
      const altered = { ...index, params: { ...Object.fromEntries(kept), ...params } };
      const indexes = record.indexes.map((one) => (one === index ? altered : one));
      await catalog.saveCollection({ ...record, indexes });
    });
  }

  /** The definition goes in one record; files that no definition names are dropped here, and by the next start when this fails. */
  async drop(request: DropIndexDefinition): Promise<void> {
    const collectionRef = present(request.collection);
    const dropped = await this.#locks.collection(collectionRef, async () => {
      const { catalog, peers } = this.#parts;
      const record = catalog.resolve(collectionRef);
      const index = indexNamed(record, request.indexName);
      if (index === undefined) return undefined;
      const field = record.schema?.fields.find((candidate) => candidate.fieldID === index.fieldId);
      if (
        field !== undefined &&
        isVectorType(field.dataType) &&
        (await peers.queryCoord.loadState({ collectionId: record.id })).known
      ) {
        throw new ElanusError(
          'refused',
          'index cannot be dropped, collection is loaded, please release it first',
        );
      }
      await catalog.saveCollection({
        ...record,
        indexes: record.indexes.filter((candidate) => candidate.id !== index.id),
      });
      return { collectionId: record.id, indexId: index.id };
    });
    if (dropped === undefined) return;
    await clearing(this.#parts, { ...dropped }, async (context) => {
      await this.#parts.peers.channelRegistry.dropIndexFiles(dropped, context);
    });
  }
}

/** By its name, or by that of its field. */
function indexNamed({ indexes, schema }: CollectionRecord, name: string): IndexRecord | undefined {
  const fieldId = schema?.fields.find((field) => field.name === name)?.fieldID;
  return indexes.find((index) => index.name === name) ?? indexes.find((index) => index.fieldId === fieldId);
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
