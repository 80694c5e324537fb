// What every public call needs: one row a call, and a call without a row does not compile. Privileges and kinds of objects are those that
// Milvus's protocol notes at the requests; where it notes none though the answer is about a collection, the row here is stricter (the comment
// says why). One step of the chain reads this table, so gRPC and REST cannot differ.
import type { Privilege } from '#model/rights/privileges.js';
import { isOperationKind, type OperationKind } from '#model/states/explained.js';
import type { OperationsDefinition } from '#proto/elanus/roles.js';
import type { ClientTelemetryServiceDefinition, MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import type { RequestOf } from '#rpc/service.js';
import {
  type AccessRow,
  collectionsOf,
  onAnyCollection,
  onCluster,
  onCollection,
  onDatabase,
  onUser,
} from './access-row.js';

type Methods = (typeof MilvusServiceDefinition)['methods'];
type OwnMethods = (typeof OperationsDefinition)['methods'];
type TelemetryMethods = (typeof ClientTelemetryServiceDefinition)['methods'];

const changesOfASchema = onCollection('CreateCollection');
const details = onCollection('IndexDetail');
const statistics = onCollection('GetStatistics');

export const accessTable = {
  createCollection: onDatabase('CreateCollection'),
  dropCollection: onCollection('DropCollection'),
  // Milvus lets everyone ask; it is the question of DescribeCollection.
  hasCollection: onCollection('DescribeCollection'),
  loadCollection: onCollection('Load'),
  releaseCollection: onCollection('Release'),
  describeCollection: onCollection('DescribeCollection'),
  batchDescribeCollection: {
    privilege: 'DescribeCollection',
    on: ({ dbName, collectionName, collectionID }) => collectionsOf(dbName, collectionName, collectionID),
  },
  getCollectionStatistics: statistics,
  // The list has what the caller may see.
  showCollections: 'everyone',
  alterCollection: changesOfASchema,
  alterCollectionField: changesOfASchema,
  addCollectionFunction: changesOfASchema,
  alterCollectionFunction: changesOfASchema,
  dropCollectionFunction: changesOfASchema,
  truncateCollection: onCollection('DropCollection'),
  createPartition: onCollection('CreatePartition'),
  dropPartition: onCollection('DropPartition'),
  hasPartition: onCollection('HasPartition'),
  loadPartitions: onCollection('Load'),
  prewarm: onCollection('Load'),
  describePrewarmTask: onAnyCollection('GetLoadState'),
  releasePartitions: onCollection('Release'),
  // Milvus notes nothing; the same as for a whole collection.
  getPartitionStatistics: statistics,
  showPartitions: onCollection('ShowPartitions'),
  createNamespace: onCollection('CreatePartition'),
  describeNamespace: onCollection('ShowPartitions'),
  listNamespaces: onCollection('ShowPartitions'),
  dropNamespace: onCollection('DropPartition'),
  hasNamespace: onCollection('HasPartition'),
  getNamespaceStats: onCollection('ShowPartitions'),
  getLoadingProgress: onCollection('GetLoadState'),
  getLoadState: onCollection('GetLoadState'),
  createAlias: onCollection('CreateAlias'),
  dropAlias: { privilege: 'DropAlias', on: ({ dbName, alias }) => collectionsOf(dbName, [alias]) },
  // What the alias is taken from changes for its users as much as what it is given to.
  alterAlias: {
    privilege: 'CreateAlias',
    on: ({ dbName, collectionName, alias }) => collectionsOf(dbName, [collectionName, alias]),
  },
  describeAlias: { privilege: 'DescribeAlias', on: ({ dbName, alias }) => collectionsOf(dbName, [alias]) },
  listAliases: onCollection('ListAliases'),
  createIndex: onCollection('CreateIndex'),
  alterIndex: onCollection('CreateIndex'),
  describeIndex: details,
  getIndexStatistics: details,
  getIndexState: details,
  getIndexBuildProgress: details,
  dropIndex: onCollection('DropIndex'),
  insert: onCollection('Insert'),
  delete: onCollection('Delete'),
  upsert: onCollection('Upsert'),
  search: onCollection('Search'),
  hybridSearch: {
    privilege: 'Search',
    on: ({ dbName, collectionName, requests }) =>
      collectionsOf(dbName, [
        collectionName,
        ...requests
          .map((part) => part.collectionName)
          .filter((name) => name !== '' && name !== collectionName),
      ]),
  },
  flush: { privilege: 'Flush', on: ({ dbName, collectionNames }) => collectionsOf(dbName, collectionNames) },
  query: onCollection('Query'),
  calcDistance: 'everyone',
  flushAll: onCluster('FlushAll'),
  addCollectionField: onCollection('AddCollectionField'),
  addCollectionStructField: onCollection('AddCollectionField'),
  // Clients ask by ids of segments alone.
  getFlushState: {
    privilege: 'GetFlushState',
    on: ({ dbName, collectionName }) =>
      collectionName === ''
        ? [{ kind: 'anyCollection', database: dbName }]
        : collectionsOf(dbName, [collectionName]),
  },
  getFlushAllState: onCluster('FlushAll'),
  // Milvus notes nothing; ids and rows of segments are statistics of the collection.
  getPersistentSegmentInfo: statistics,
  getQuerySegmentInfo: statistics,
  getReplicas: onCollection('GetLoadState'),
  dummy: 'everyone',
  registerLink: 'everyone',
  getMetrics: 'everyone',
  getComponentStates: 'everyone',
  loadBalance: {
    privilege: 'LoadBalance',
    on: ({ dbName, collectionName }) => collectionsOf(dbName, [collectionName]),
  },
  getCompactionState: onAnyCollection('Compaction'),
  manualCompaction: onCollection('Compaction'),
  getCompactionStateWithPlans: {
    privilege: 'Compaction',
    on: ({ dbName, collectionName }) =>
      collectionName === ''
        ? [{ kind: 'anyCollection', database: '' }]
        : collectionsOf(dbName, [collectionName]),
  },
  import: onCollection('Import'),
  // By the number of the job alone.
  getImportState: onAnyCollection('GetImportProgress'),
  listImportTasks: onCollection('ListImport'),
  createCredential: onCluster('CreateOwnership'),
  updateCredential: { privilege: 'UpdateUser', on: ({ username }) => onUser(username) },
  deleteCredential: onCluster('DropOwnership'),
  listCredUsers: onCluster('SelectOwnership'),
  createRole: onCluster('CreateOwnership'),
  alterRole: onCluster('CreateOwnership'),
  dropRole: onCluster('DropOwnership'),
  operateUserRole: onCluster('ManageOwnership'),
  selectRole: onCluster('SelectOwnership'),
  selectUser: { privilege: 'SelectUser', on: ({ user }) => onUser(user?.name ?? '') },
  operatePrivilege: onCluster('ManageOwnership'),
  operatePrivilegeV2: onCluster('ManageOwnership'),
  // Everyone may know what they may do.
  selectGrant: {
    ...onCluster('SelectOwnership'),
    unless: ({ entity }, { roles }) => roles.includes(entity?.role?.name ?? ''),
  },
  getVersion: 'everyone',
  checkHealth: 'everyone',
  createResourceGroup: onCluster('CreateResourceGroup'),
  dropResourceGroup: onCluster('DropResourceGroup'),
  updateResourceGroups: onCluster('UpdateResourceGroups'),
  transferNode: onCluster('TransferNode'),
  transferReplica: onCluster('TransferReplica'),
  listResourceGroups: onCluster('ListResourceGroups'),
  describeResourceGroup: onCluster('DescribeResourceGroup'),
  renameCollection: {
    privilege: 'RenameCollection',
    on: ({ dbName, oldName, newDBName }) => [
      ...collectionsOf(dbName, [oldName]),
      ...(newDBName === '' || newDBName === dbName ? [] : collectionsOf(newDBName, [])),
    ],
  },
  listIndexedSegment: {
    privilege: 'IndexDetail',
    on: ({ collectionName }) => collectionsOf('', [collectionName]),
  },
  describeSegmentIndexData: {
    privilege: 'IndexDetail',
    on: ({ collectionName }) => collectionsOf('', [collectionName]),
  },
  connect: 'everyone',
  allocTimestamp: 'everyone',
  createDatabase: onCluster('CreateDatabase'),
  dropDatabase: onCluster('DropDatabase'),
  // The list has what the caller may see.
  listDatabases: 'everyone',
  alterDatabase: onDatabase('AlterDatabase'),
  describeDatabase: onDatabase('DescribeDatabase'),
  replicateMessage: onCluster('UpdateReplicateConfiguration'),
  backupRBAC: onCluster('BackupRBAC'),
  restoreRBAC: onCluster('RestoreRBAC'),
  createPrivilegeGroup: onCluster('CreatePrivilegeGroup'),
  dropPrivilegeGroup: onCluster('DropPrivilegeGroup'),
  listPrivilegeGroups: onCluster('ListPrivilegeGroups'),
  operatePrivilegeGroup: onCluster('OperatePrivilegeGroup'),
  // With a collection's analyzer it answers what its schema says.
  runAnalyzer: {
    privilege: 'DescribeCollection',
    on: ({ dbName, collectionName }) =>
      collectionName === '' ? [] : collectionsOf(dbName, [collectionName]),
  },
  addFileResource: onCluster('AddFileResource'),
  removeFileResource: onCluster('RemoveFileResource'),
  listFileResources: onCluster('ListFileResources'),
  addUserTags: { privilege: 'UpdateUser', on: ({ userName }) => onUser(userName) },
  deleteUserTags: { privilege: 'UpdateUser', on: ({ userName }) => onUser(userName) },
  getUserTags: { privilege: 'SelectUser', on: ({ userName }) => onUser(userName) },
  listUsersWithTag: { privilege: 'SelectUser', on: () => onUser('') },
  createRowPolicy: onCollection('CreateOwnership'),
  dropRowPolicy: onCollection('DropOwnership'),
  listRowPolicies: onCollection('SelectOwnership'),
  updateReplicateConfiguration: onCluster('UpdateReplicateConfiguration'),
  getReplicateConfiguration: onCluster('GetReplicateConfiguration'),
  getReplicateInfo: onCluster('GetReplicateConfiguration'),
  createReplicateStream: onCluster('UpdateReplicateConfiguration'),
  dumpMessages: onCluster('UpdateReplicateConfiguration'),
  computePhraseMatchSlop: 'everyone',
  createSnapshot: onCollection('CreateSnapshot'),
  dropSnapshot: onCollection('DropSnapshot'),
  listSnapshots: onCollection('ListSnapshots'),
  describeSnapshot: onCollection('DescribeSnapshot'),
  restoreSnapshot: onCollection('RestoreSnapshot'),
  restoreExternalSnapshot: onCluster('RestoreExternalSnapshot'),
  exportSnapshot: onCluster('ExportSnapshot'),
  getExportSnapshotState: onCluster('ExportSnapshot'),
  getRestoreSnapshotState: onAnyCollection('RestoreSnapshot'),
  listRestoreSnapshotJobs: onCollection('RestoreSnapshot'),
  pinSnapshotData: onCluster('PinSnapshotData'),
  unpinSnapshotData: onCluster('UnpinSnapshotData'),
  alterCollectionSchema: onCollection('AlterCollectionSchema'),
  batchUpdateManifest: onCollection('Insert'),
  refreshExternalCollection: onCollection('RefreshExternalCollection'),
  getRefreshExternalCollectionProgress: onAnyCollection('RefreshExternalCollection'),
  listRefreshExternalCollectionJobs: onCollection('RefreshExternalCollection'),
} as const satisfies { readonly [Method in PublicMethod]: AccessRow<RequestOf<Methods[Method]>> };

/** What clients say of themselves is for everyone; what the server knows of clients is for who may see all users. */
export const telemetryAccess = {
  clientHeartbeat: 'everyone',
  getClientTelemetry: onCluster('SelectOwnership'),
  pushClientCommand: onCluster('ManageOwnership'),
  deleteClientCommand: onCluster('ManageOwnership'),
} as const satisfies {
  readonly [Method in keyof TelemetryMethods]: AccessRow<RequestOf<TelemetryMethods[Method]>>;
};

/** What the calls need that say how far such an operation is. */
const explained: Readonly<Record<OperationKind, Privilege>> = {
  flush: 'GetFlushState',
  import: 'ListImport',
  load: 'GetLoadState',
  index: 'IndexDetail',
  compaction: 'Compaction',
};

/** Without a collection it is a matter of the whole database. */
export const ownAccess = {
  commitImport: onCollection('Import'),
  abortImport: onCollection('Import'),
  explainOperations: {
    ...onCollection('GetFlushState'),
    privilegeFor: ({ kind }) => (isOperationKind(kind) ? explained[kind] : undefined),
  },
} as const satisfies { readonly [Method in keyof OwnMethods]: AccessRow<RequestOf<OwnMethods[Method]>> };
