// Changes the fields of collections that have rows. A change is one record: from there every request is checked against the new schema, and
// names its version; who holds an older one fetches it (ADR 0037). Indexes of a dropped field go in the same record, their files after it.
import { assert, assertNever, must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import {
  withAlteredFunction,
  withFunction,
  withFunctionField,
  withoutFunction,
} from '#model/functions/function-changes.js';
import { expiryFieldOf } from '#model/properties/time-to-live.js';
import { withFieldProperties } from '#model/schema/field-properties.js';
import {
  largestFieldId,
  type VersionedSchema,
  withDynamicField,
  withField,
  withoutField,
  withStructArray,
} from '#model/schema/schema-change.js';
import { OWN_KEYS } from '#model/schema/schema-view.js';
import type { CreatedCollection } from '#model/states/collection.js';
import type { IndexRecord } from '#proto/elanus/data.js';
import type { AddFields, SchemaChange } from '#proto/elanus/roles.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { type ExpandedFields, withFileWords, withResourceIds } from '#roles/root-coord/words/field-words.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import { checkAnalyzers } from '#text/field-analyzers.js';
import { clearing, type DdlLocks, type DdlParts, present } from './ddl-parts.js';
import { newIndex, wantedIndex } from './new-index.js';

/** What a change makes of a collection. */
type Changed = Pick<CreatedCollection, 'schema' | 'indexes' | 'lastFieldId'> &
  Partial<Pick<CreatedCollection, 'lateOutputIds'>>;

export class SchemaDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  /** @returns the collection and its new version @throws invalid_parameter, unsupported, collection_not_found */
  async change(
    request: SchemaChange,
    receipt: Receipt,
  ): Promise<{ readonly collectionId: bigint; readonly version: number }> {
    const words = await this.#withWords(request);
    const collectionRef = present(request.collection);
    const change = async () => {
      const { catalog, allocateTimestamp } = this.#parts;
      // Before the record is read, so that nothing is awaited between that and the decision.
      const indexIds = await this.#idsOfIndexes(request);
      const record = catalog.resolve(collectionRef);
      const changed = withWords(changedBy(record, request, indexIds), words);
      checkAnalyzers(changed.schema?.fields ?? []);
      // Nothing was awaited since the record was read; a writer that comes in between is found by the record's revision.
      const updateTimestamp = await allocateTimestamp();
      const isVersion = changed.schema?.version !== record.schema?.version;
      await catalog.carryOut(receipt, {
        ...record,
        ...changed,
        updateTimestamp,
        schemaTimestamp: isVersion ? updateTimestamp : record.schemaTimestamp,
      });
      const kept = new Set(changed.indexes.map(({ id }) => id));
      return {
        collectionId: record.id,
        version: changed.schema?.version ?? 0,
        droppedIndexes: record.indexes.filter(({ id }) => !kept.has(id)).map(({ id }) => id),
      };
    };
    const { collectionId, version, droppedIndexes } = await this.#parts.fileResources.whileHeld(
      words.resourceIds,
      () => this.#locks.collection(collectionRef, change),
    );
    for (const indexId of droppedIndexes)
      await clearing(this.#parts, { collectionId, indexId }, async (context) => {
        await this.#parts.peers.channelRegistry.dropIndexFiles({ collectionId, indexId }, context);
      });
    return { collectionId, version };
  }

  /** New fields with the words of the files that their analyzers name. */
  #withWords({ change }: SchemaChange): Promise<ExpandedFields> {
    return withFileWords(this.#parts.fileResources, change?.$case === 'addFields' ? change.value.fields : []);
  }

  async #idsOfIndexes({ change }: SchemaChange): Promise<readonly bigint[]> {
    const count = change?.$case === 'addFields' ? change.value.indexes.length : 0;
    const ids: bigint[] = [];
    while (ids.length < count) ids.push(await this.#parts.allocateId());
    return ids;
  }
}

/** What was checked as a client sent it, with the words beside it. */
function withWords(changed: Changed, { fields, resourceIds }: ExpandedFields): Changed {
  const { schema } = changed;
  if (schema === undefined || fields.every(({ typeParams }) => typeParams.every(isSent))) return changed;
  const withOwn = (field: FieldSchema): FieldSchema => {
    const words = fields.find(({ name }) => name === field.name)?.typeParams ?? [];
    return { ...field, typeParams: [...field.typeParams, ...words.filter((pair) => !isSent(pair))] };
  };
  const whole = { ...schema, fields: schema.fields.map(withOwn) };
  return { ...changed, schema: withResourceIds(whole, resourceIds) };
}

const isSent = ({ key }: { readonly key: string }): boolean => !key.startsWith(OWN_KEYS);

function changedBy(
  record: CreatedCollection,
  { change }: SchemaChange,
  indexIds: readonly bigint[],
): Changed {
  const { schema, indexes } = record;
  assert(schema !== undefined, `collection ${record.id} has no schema`);
  assert(change !== undefined, 'a change of a schema without a change');
  const before = { schema, lastFieldId: largestFieldId(schema, record.lastFieldId) };
  switch (change.$case) {
    case 'addFields': {
      const after = withAll(before, change.value, record.properties.timezone ?? 'UTC');
      const late = change.value.functions.length === 0 ? [] : [after.lastFieldId];
      return {
        ...after,
        indexes: withIndexes(after, indexes, change.value.indexes, indexIds),
        lateOutputIds: [...record.lateOutputIds, ...late],
      };
    }
    case 'dropField': {
      const { columnIds, ...after } = withoutField(before, change.value);
      refuseExpiryField(record, schema, columnIds);
      return { ...after, indexes: indexes.filter(({ fieldId }) => !columnIds.includes(fieldId)) };
    }
    case 'addFunction':
      return { ...withFunction(before, change.value), indexes };
    case 'alterFunction':
      return { ...withAlteredFunction(before, change.value), indexes };
    case 'dropFunction': {
      const { columnIds, ...after } = withoutFunction(before, change.value, record.lateOutputIds);
      return { ...after, indexes: indexes.filter(({ fieldId }) => !columnIds.includes(fieldId)) };
    }
    case 'alterField':
      return { schema: withFieldProperties(schema, change.value), indexes, lastFieldId: before.lastFieldId };
    case 'enableDynamicField':
      return { ...withDynamicField(before), indexes };
    default:
      return assertNever(change);
  }
}

/** Rows would never expire from then on, without anybody having asked for that. */
function refuseExpiryField(
  { properties }: CreatedCollection,
  schema: VersionedSchema['schema'],
  columnIds: readonly bigint[],
): void {
  if (!columnIds.includes(expiryFieldOf(properties, schema))) return;
  throw new ElanusError(
    'invalid_parameter',
    `cannot drop ttl field: ${properties.ttl_field}; take the property ttl_field back first: invalid parameter`,
  );
}

/** Fields that come with an index have it from the same record on. */
function withIndexes(
  { schema }: VersionedSchema,
  indexes: readonly IndexRecord[],
  added: AddFields['indexes'],
  ids: readonly bigint[],
): IndexRecord[] {
  const all = [...indexes];
  for (const [at, wanted] of added.entries()) {
    const field = schema.fields.find(({ name }) => name === wanted.fieldName);
    assert(field !== undefined, `no field ${wanted.fieldName} was added`);
    const index = newIndex({ indexes: all }, field, wantedIndex(field, wanted));
    if (index !== undefined) all.push({ ...index, id: must(ids[at], 'id of an index') });
  }
  return all;
}

/** All of them or none: the version counts one change. */
function withAll(
  before: VersionedSchema,
  { fields, structs, functions }: AddFields,
  zone: string,
): VersionedSchema {
  let after = before;
  if (functions.length > 0) after = withFunctionField(after, { fields, functions }, zone);
  else for (const field of fields) after = withField(after, field, zone);
  for (const struct of structs) after = withStructArray(after, struct);
  return { ...after, schema: { ...after.schema, version: before.schema.version + 1 } };
}
