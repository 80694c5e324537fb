// Changes of definitions that leave a receipt: carried out once, also when the process that had the call died over it and the call comes again.
// Files that go after a change are found by the next start too, so a call that finds its receipt is answered at once.
import { messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRef, DefinitionsDefinition, SchemaChange } from '#proto/elanus/roles.js';
import type { Ddl } from '#roles/root-coord/ddl.js';
import { present } from '#roles/root-coord/ddl-parts.js';
import type { DefinitionCatalog } from '#roles/root-coord/definition-catalog.js';
import type { IndexReconciler } from '#roles/root-coord/index-reconciler.js';
import type { RootCoordPeers } from '#roles/root-coord/root-coord-peers.js';
import type { FileResources } from '#roles/root-coord/words/file-resources.js';
import type { Handlers } from '#rpc/service.js';
import type { Receipt, Receipts } from '#rpc/sessions/receipts.js';

export interface ChangeHandlersParts {
  readonly platform: Pick<Platform, 'logger'>;
  readonly peers: Pick<RootCoordPeers, 'queryCoord'>;
  readonly catalog: Pick<DefinitionCatalog, 'byId' | 'named' | 'database'>;
  readonly receipts: Receipts;
  readonly fileResources: FileResources;
  /** @throws service_not_ready before the data-coord was handed over */
  readonly parts: () => { readonly ddl: Ddl; readonly indexes: IndexReconciler };
  /** Has the rows that are there given what a new function makes. */
  readonly fillOutputs: (collectionId: bigint, schemaVersion: number) => Promise<void>;
}

type Change =
  | 'createCollection'
  | 'createPartition'
  | 'createIndex'
  | 'dropCollection'
  | 'dropPartition'
  | 'alterCollection'
  | 'alterDatabase'
  | 'truncateCollection'
  | 'renameCollection'
  | 'createAlias'
  | 'alterAlias'
  | 'dropAlias'
  | 'createDatabase'
  | 'dropDatabase'
  | 'alterIndex'
  | 'dropIndex'
  | 'changeSchema'
  | 'addFileResource'
  | 'removeFileResource';

type ChangeHandlers = Pick<Handlers<typeof DefinitionsDefinition>, Change>;

export function changeHandlers(of: ChangeHandlersParts): ChangeHandlers {
  const { receipts, fileResources } = of;
  const once =
    <Request>(method: Change, change: (request: Request, receipt: Receipt) => Promise<void>) =>
    async (request: Request, context: CallContext): Promise<object> => {
      await receipts.once(context, method, (receipt) => change(request, receipt));
      return {};
    };
  const ddl = (): Ddl => of.parts().ddl;
  return {
    createCollection: once('createCollection', (request, receipt) =>
      ddl().collections.create(request, receipt),
    ),
    createPartition: once('createPartition', (ref, receipt) => ddl().partitions.create(ref, receipt)),
    createIndex: async (request, context) => {
      let collectionId: bigint | undefined;
      await receipts.once(context, 'createIndex', async (receipt) => {
        collectionId = await ddl().indexes.create(request, receipt);
      });
      // Whoever carried it out may have died before it built anything.
      collectionId ??= recordNow(of, request.collection)?.id;
      if (collectionId !== undefined) of.parts().indexes.collectionChanged(collectionId);
      return {};
    },
    dropCollection: once('dropCollection', (ref, receipt) => ddl().collections.drop(ref, receipt)),
    dropPartition: once('dropPartition', (ref, receipt) => ddl().partitions.drop(ref, receipt)),
    alterCollection: once('alterCollection', (request, receipt) =>
      ddl().properties.collection(request, receipt),
    ),
    alterDatabase: once('alterDatabase', (request, receipt) => ddl().properties.database(request, receipt)),
    truncateCollection: once('truncateCollection', (ref, receipt) => ddl().truncates.truncate(ref, receipt)),
    renameCollection: once('renameCollection', (request, receipt) => ddl().names.rename(request, receipt)),
    createAlias: once('createAlias', (request, receipt) => ddl().aliases.create(request, receipt)),
    alterAlias: once('alterAlias', (request, receipt) => ddl().aliases.alter(request, receipt)),
    dropAlias: once('dropAlias', (request, receipt) => ddl().aliases.drop(request, receipt)),
    createDatabase: once('createDatabase', (request, receipt) => ddl().databases.create(request, receipt)),
    dropDatabase: once('dropDatabase', ({ name }, receipt) => ddl().databases.drop(name, receipt)),
    alterIndex: once('alterIndex', (request, receipt) => ddl().indexes.alter(request, receipt)),
    dropIndex: once('dropIndex', (request, receipt) => ddl().indexes.drop(request, receipt)),
    changeSchema: async (request, context) => {
      let changed: ChangedSchema | undefined;
      await receipts.once(context, 'changeSchema', async (receipt) => {
        changed = await ddl().schemas.change(request, receipt);
      });
      await followSchema(of, request, changed ?? changedBefore(of, request));
      return {};
    },
    addFileResource: once('addFileResource', (resource, receipt) => fileResources.add(resource, receipt)),
    removeFileResource: once('removeFileResource', ({ name }, receipt) =>
      fileResources.remove(name, receipt),
    ),
  };
}

interface ChangedSchema {
  readonly collectionId: bigint;
  readonly version: number;
}

/** The collection of a call, if it is still there. */
function recordNow({ catalog }: ChangeHandlersParts, collection: CollectionRef | undefined) {
  const { database, name, id } = present(collection);
  return id !== 0n ? catalog.byId(id) : catalog.named(catalog.database(database).name, name);
}

/** What a change came to that another life carried out. */
function changedBefore(of: ChangeHandlersParts, { collection }: SchemaChange): ChangedSchema | undefined {
  const record = recordNow(of, collection);
  return record?.schema === undefined
    ? undefined
    : { collectionId: record.id, version: record.schema.version };
}

/** Also for a change that was carried out before: whoever did it may have died before it said so. */
async function followSchema(
  { platform, peers, parts, fillOutputs }: ChangeHandlersParts,
  { change }: SchemaChange,
  changed: ChangedSchema | undefined,
): Promise<void> {
  if (changed === undefined) return;
  const { collectionId, version } = changed;
  const added = change?.$case === 'addFields' ? change.value : undefined;
  if (added !== undefined && added.indexes.length > 0) parts().indexes.collectionChanged(collectionId);
  if (added !== undefined && added.functions.length > 0) await fillOutputs(collectionId, version);
  // Only a hint: a read or a write that wants the new fields brings the schema along.
  peers.queryCoord
    .segmentsChanged({ collectionId })
    .catch((error: unknown) =>
      platform.logger.debug('schema_notice_failed', { collectionId, reason: messageOf(error) }),
    );
}
