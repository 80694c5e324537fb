// What becomes of a call between roles that broke off with the process that had it: nobody knows whether it was carried out. Every call has
// its line here, and those that write a row in docs/coordination.md, with what clients see.
import { ElanusError, type ErrorKey, messageOf } from '#base/errors.js';
import type {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
  UsersDefinition,
} from '#proto/elanus/roles.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { NotSentError } from '#rpc/remote-role.js';

/**
 *   read     changes nothing: goes again
 *   same     a change that is the same when it comes again: goes again
 *   receipt  is carried out once: goes again with its number, by which whoever has the role by then finds the receipt
 *   ends     is not sent again by the directory: whoever made it looks what is there
 */
export type Again = 'read' | 'same' | 'receipt' | 'ends';

type Table<D extends { readonly methods: object }> = Readonly<Record<keyof D['methods'], Again>>;
const all = <const Names extends readonly string[], A extends Again>(again: A, names: Names) =>
  Object.fromEntries(names.map((name) => [name, again])) as Readonly<Record<Names[number], A>>;

const rootCoord = {
  ...all('read', [
    'getComponentStates',
    'describeCollection',
    'showPartitions',
    'describeCollectionInternal',
  ]),
  ...all('read', ['showPartitionsInternal', 'hasCollection', 'hasPartition', 'showCollections']),
  ...all('read', ['listDatabases', 'describeDatabase', 'describeSegment', 'showSegments']),
  ...all('read', ['showConfigurations', 'checkHealth']),
  // Numbers that nobody got are given to nobody else.
  ...all('same', ['allocTimestamp', 'allocID', 'segmentFlushCompleted']),
} satisfies Table<typeof RootCoordDefinition>;

const definitions = {
  ...all('read', [
    'describeCollection',
    'listCollections',
    'definitionRevisions',
    'indexStates',
    'listDatabases',
    'explain',
  ]),
  ...all('read', ['listFileResources', 'readAnalyzer']),
  // An import with the id of the job, which the caller gives.
  ...all('same', ['flushCollection', 'importFiles']),
  ...all('receipt', ['createCollection', 'createPartition', 'createIndex']),
  ...all('receipt', [
    'dropCollection',
    'dropPartition',
    'alterCollection',
    'alterDatabase',
    'truncateCollection',
    'renameCollection',
  ]),
  ...all('receipt', ['createAlias', 'alterAlias', 'dropAlias', 'createDatabase', 'dropDatabase']),
  ...all('receipt', ['alterIndex', 'dropIndex', 'changeSchema', 'addFileResource', 'removeFileResource']),
} satisfies Table<typeof DefinitionsDefinition>;

const users = {
  readUsers: 'read',
  changeUsers: 'receipt',
} satisfies Table<typeof UsersDefinition>;

const dataCoord = {
  ...all('read', ['getComponentStates', 'getInsertBinlogPaths', 'getSegmentInfo', 'getFlushedSegments']),
  ...all('read', ['getSegmentsByStates', 'getImportProgress', 'listImports', 'getFlushState']),
  ...all('read', ['getRecoveryInfo', 'getRecoveryInfoV2', 'getSegmentStates', 'getCollectionStatistics']),
  ...all('read', ['getPartitionStatistics', 'getFlushAllState', 'gcConfirm', 'getCompactionState']),
  ...all('read', ['getCompactionStateWithPlans', 'showConfigurations', 'checkHealth']),
  ...all('same', ['watchChannels', 'flush']),
  // Tools make them, which find what they did: root-coord asks for imports again by itself.
  ...all('ends', ['import', 'importV2', 'saveBinlogPaths', 'updateChannelCheckpoint', 'assignSegmentID']),
  ...all('ends', ['dropVirtualChannel', 'markSegmentsDropped', 'setSegmentState', 'manualCompaction']),
} satisfies Table<typeof DataCoordDefinition>;

const channelRegistry = {
  ...all('read', [
    'listSegments',
    'dataRevisions',
    'importState',
    'listImportJobs',
    'compactionState',
    'explain',
  ]),
  ...all('same', ['acquireChannels', 'commitFlush', 'saveCheckpoints', 'saveIndexFile', 'dropIndexFiles']),
  ...all('same', ['dropCollectionData', 'fillOutputs', 'abortImport', 'commitImport']),
  // With its id, which the caller gives.
  ...all('same', ['compact']),
} satisfies Table<typeof ChannelRegistryDefinition>;

const streamingNode = {
  ...all('read', [
    'search',
    'retrieve',
    'fetchRows',
    'termStatistics',
    'channelRows',
    'segmentsInUse',
    'settledTargets',
    'servedCollections',
  ]),
  ...all('same', ['openChannel', 'closeChannel', 'sealChannel', 'awaitCheckpoint', 'syncTarget']),
  ...all('same', ['releaseTarget']),
  // A write goes again by its id, from the proxy (roles/proxy/data/sent-writes.ts).
  ...all('ends', ['append', 'dropChannelPartition']),
} satisfies Table<typeof StreamingNodeDefinition>;

const queryCoord = {
  ...all('read', ['loadState', 'loadProgress', 'loadedSegments', 'explain']),
  ...all('read', ['listResourceGroups', 'describeResourceGroup']),
  ...all('same', ['loadCollection', 'releaseCollection', 'segmentsChanged', 'moveSegments']),
  ...all('receipt', ['createResourceGroup', 'updateResourceGroups', 'dropResourceGroup']),
  ...all('receipt', ['transferNode', 'transferReplica']),
} satisfies Table<typeof QueryCoordDefinition>;

const queryNode = {
  ...all('read', ['searchSegments', 'retrieveSegments', 'fetchSegmentRows', 'segmentTermStatistics']),
  ...all('read', ['memoryState']),
  // They name their node: what another one has is another matter.
  ...all('ends', ['loadSegment', 'loadIndexes', 'releaseSegments', 'applyDeletes', 'updateSchema']),
} satisfies Table<typeof QueryNodeDefinition>;

const dataNode = {
  ...all('read', ['readExpiries']),
  // Whoever has the task gives it to another node.
  ...all('ends', ['buildIndex', 'importFiles', 'importProgress', 'compactSegments', 'spreadDeletes']),
} satisfies Table<typeof DataNodeDefinition>;

/** By the full name of the service. */
export const callsAgain: Readonly<Record<string, Readonly<Record<string, Again>>>> = {
  'milvus.proto.rootcoord.RootCoord': rootCoord,
  'elanus.v1.Definitions': definitions,
  'elanus.v1.Users': users,
  'milvus.proto.data.DataCoord': dataCoord,
  'elanus.v1.ChannelRegistry': channelRegistry,
  'elanus.v1.StreamingNode': streamingNode,
  'elanus.v1.QueryCoord': queryCoord,
  'elanus.v1.QueryNode': queryNode,
  'elanus.v1.DataNode': dataNode,
};

/** What becomes of the call when its process is gone. */
export const againOf = (service: string, method: string): Again => callsAgain[service]?.[method] ?? 'ends';

const goneKeys: ReadonlySet<ErrorKey> = new Set<ErrorKey>([
  'service_unavailable',
  'service_not_ready',
  'node_mismatch',
  'wal_fenced',
]);

/** What says that the process that was asked is gone, or has nothing to say any more. */
export const isOfGoneProcess = (error: unknown): boolean =>
  error instanceof ElanusError && goneKeys.has(error.key);

/** No handler has seen the call: any of them may be sent again. */
export const isUnseen = (error: unknown): boolean =>
  error instanceof NotSentError || (error instanceof ElanusError && error.key === 'session_suspended');

/**
 * For whoever made the call, when nobody carried it out before its deadline. Within a call of its own: that one was seen. Which process has what is no
 * matter of clients.
 */
export function atDeadline(error: unknown): unknown {
  if (isUnseen(error)) return new ElanusError('service_not_ready', messageOf(error), { cause: error });
  const wasReplaced =
    error instanceof ElanusError && (error.key === 'wal_fenced' || error.key === 'node_mismatch');
  if (!wasReplaced) return error;
  return new ElanusError(
    'service_unavailable',
    'the process that had the call was replaced, and no other answered before the deadline; ask again',
    { cause: error },
  );
}
