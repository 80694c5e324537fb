// Creates and drops index definitions; index-reconciler.ts sees to it that files follow them.
import { ElanusError } from '#base/errors.js';
import { isVectorType } from '#model/schema/data-type.js';
import type { CollectionRecord, IndexRecord } from '#proto/elanus/data.js';
import type {
  AlterIndexDefinition,
  CreateIndexDefinition,
  DropIndexDefinition,
} from '#proto/elanus/roles.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import { clearing, type DdlLocks, type DdlParts, nameOf, present } from './ddl-parts.js';
import { newIndex } from './new-index.js';

export class IndexDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  /** @returns the collection, whose segments are to be looked at */
  create(request: CreateIndexDefinition, receipt: Receipt): Promise<bigint> {
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
      const index = newIndex(record, field, request);
      if (index === undefined) return record.id;
      const id = await this.#parts.allocateId();
      const indexes = [...record.indexes, { ...index, id }];
      await this.#parts.catalog.carryOut(receipt, { ...record, indexes });
      return record.id;
    });
  }

  /** Changes hints of an index; its files stay. @throws index_not_found */
  alter(
    { collection, indexName, params, deleteKeys }: AlterIndexDefinition,
    receipt: Receipt,
  ): Promise<void> {
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
      await catalog.carryOut(receipt, { ...record, indexes });
    });
  }

  /** The definition goes in one record; files that no definition names are dropped here, and by the next start when this fails. */
  async drop(request: DropIndexDefinition, receipt: Receipt): Promise<void> {
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
      await catalog.carryOut(receipt, {
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
