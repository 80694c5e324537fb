// Databases that an administrator has closed for changes of their definitions, for flushes or for compactions (`database.force.deny.*`). One
// step of the public chain asks for it, before the handler and behind the question whether the caller may; a call that is not in the table
// has no such step. AlterDatabase is not in it: it is the way to take the property back. FlushAll is of the cluster, and of no database.
import { ElanusError } from '#base/errors.js';
import { type ChangeKind, isClosedFor } from '#model/properties/limits.js';
import type { CallContext } from '#platform/transport.js';
import type { DefinitionsDefinition } from '#proto/elanus/roles.js';
import type { Interceptor } from '#rpc/interceptors.js';
import type { Client } from '#rpc/service.js';
import { databaseOf } from './collection-access.js';
import { accessDisabled } from './limits.js';
import type { PublicMethod } from './proxy-parts.js';

const kinds = {
  createCollection: 'collectionDDL',
  dropCollection: 'collectionDDL',
  truncateCollection: 'collectionDDL',
  renameCollection: 'collectionDDL',
  loadCollection: 'collectionDDL',
  releaseCollection: 'collectionDDL',
  alterCollection: 'collectionDDL',
  alterCollectionField: 'collectionDDL',
  alterCollectionSchema: 'collectionDDL',
  addCollectionField: 'collectionDDL',
  addCollectionStructField: 'collectionDDL',
  addCollectionFunction: 'collectionDDL',
  alterCollectionFunction: 'collectionDDL',
  dropCollectionFunction: 'collectionDDL',
  createAlias: 'collectionDDL',
  dropAlias: 'collectionDDL',
  alterAlias: 'collectionDDL',
  createPartition: 'partitionDDL',
  dropPartition: 'partitionDDL',
  loadPartitions: 'partitionDDL',
  releasePartitions: 'partitionDDL',
  createIndex: 'index',
  alterIndex: 'index',
  dropIndex: 'index',
  flush: 'flush',
  manualCompaction: 'compaction',
} as const satisfies Partial<Record<PublicMethod, ChangeKind>>;

/** @returns undefined for calls that change nothing of a database */
const kindOf = (method: string): ChangeKind | undefined =>
  Object.hasOwn(kinds, method) ? kinds[method as keyof typeof kinds] : undefined;

export type ClosedParts = Pick<Client<typeof DefinitionsDefinition>, 'listDatabases' | 'describeCollection'>;

/** What requests say of where they are meant; each has some of it. */
interface Placed {
  readonly dbName: string;
  readonly newDBName?: string;
  readonly collectionName?: unknown;
  readonly collectionID?: unknown;
}

/** The step for a call; none for one that no database can be closed for. */
export function closedDatabases(method: string, definitions: ClosedParts): readonly Interceptor[] {
  const kind = kindOf(method);
  if (kind === undefined) return [];
  return [
    async (_method, request, context, next) => {
      await checkOpen(kind, request as Placed, definitions, context);
      return next(request, context);
    },
  ];
}

/** @throws quota_exceeded */
async function checkOpen(
  kind: ChangeKind,
  request: Placed,
  definitions: ClosedParts,
  context: CallContext,
): Promise<void> {
  const { databases } = await definitions.listDatabases({}, context);
  // Most servers have no such database, and then nobody has to know which one an id is in.
  const closed = databases.filter(({ properties }) => isClosedFor(properties, kind));
  if (closed.length === 0) return;
  const named = new Set([await ownDatabase(request, definitions, context), request.newDBName]);
  if (closed.some(({ name }) => named.has(name))) throw accessDisabled();
}

/** An id is of one database, whichever the call names. One that nobody has is for the handler to refuse. */
async function ownDatabase(request: Placed, definitions: ClosedParts, context: CallContext): Promise<string> {
  const database = databaseOf(request, context);
  const { collectionName, collectionID: id } = request;
  if (collectionName !== '' || typeof id !== 'bigint' || id === 0n) return database;
  try {
    const { collection } = await definitions.describeCollection({ database, name: '', id }, context);
    return collection?.database ?? database;
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'collection_not_found') return database;
    throw error;
  }
}
