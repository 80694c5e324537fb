// What becomes of every field of every request that can succeed: nothing that a client says is passed over in silence. A field is used,
// or leaving it out changes no answer and the table says why, or a request that sets it is refused. The types make a new field of the
// protocol, or a newly served call, fail to compile until it has its line here.
import { ElanusError } from '#base/errors.js';
import type { OperationsDefinition } from '#proto/elanus/roles.js';
import type { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { RequestOf } from '#rpc/service.js';

/** `ignored`: why it makes no difference. `refused`: what is missing, as the error says when the field is set. */
export type FieldDecision = 'used' | { readonly ignored: string } | { readonly refused: string };
type Methods = (typeof MilvusServiceDefinition)['methods'];
type OwnMethods = (typeof OperationsDefinition)['methods'];
type Decisions<Method extends keyof Methods> = {
  readonly [Field in keyof RequestOf<Methods[Method]>]-?: FieldDecision;
};

const base = { ignored: 'type, id and times of messages between servers; nothing depends on them' } as const;
const named = { base, dbName: 'used', collectionName: 'used' } as const;
const history = { refused: 'definitions are read as they are now' } as const;
const rows = {
  ...named,
  partitionName: 'used',
  hashKeys: { ignored: 'the server hashes the keys itself' },
  namespace: 'used',
} as const;
const counted = { ignored: 'all rows are counted, those written before the time among them' } as const;
const loads = {
  ...named,
  replicaNumber: 'used',
  resourceGroups: 'used',
  refresh: 'used',
  loadFields: 'used',
  skipLoadDynamicField: 'used',
  loadParams: 'used',
} as const;
const consistency = {
  consistencyLevel: { ignored: 'every level reads all writes that were acknowledged before' },
  useDefaultConsistency: { ignored: 'every level reads all writes that were acknowledged before' },
} as const;
const reads = {
  ...named,
  ...consistency,
  partitionNames: 'used',
  outputFields: 'used',
  guaranteeTimestamp: 'used',
  exprTemplateValues: 'used',
  travelTimestamp: { refused: 'rows are read as they are now' },
  notReturnAllMeta: { ignored: 'an answer has no more of the schema than its columns' },
  namespace: 'used',
} as const;

const notDumped = {
  ignored: 'of which messages matters to none of the answers: there is no replication',
} as const;

const userTimes = {
  createdUtcTimestamps: { ignored: 'the server keeps when it made a user' },
  modifiedUtcTimestamps: { ignored: 'the server keeps when it made a user' },
} as const;

export const requestFields = {
  createCollection: {
    ...named,
    schema: 'used',
    shardsNum: 'used',
    consistencyLevel: 'used',
    properties: 'used',
    numPartitions: 'used',
  },
  dropCollection: named,
  hasCollection: { ...named, timeStamp: history },
  loadCollection: loads,
  releaseCollection: named,
  describeCollection: { ...named, collectionID: 'used', timeStamp: history },
  batchDescribeCollection: { dbName: 'used', collectionName: 'used', collectionID: 'used' },
  getCollectionStatistics: named,
  showCollections: { base, dbName: 'used', timeStamp: history, type: 'used', collectionNames: 'used' },
  alterCollectionField: { ...named, fieldName: 'used', properties: 'used', deleteKeys: 'used' },
  addCollectionField: { ...named, collectionID: 'used', schema: 'used' },
  addCollectionStructField: { ...named, collectionID: 'used', structArrayFieldSchema: 'used' },
  alterCollectionSchema: { ...named, collectionID: 'used', action: 'used' },
  addCollectionFunction: { ...named, collectionID: 'used', functionSchema: 'used' },
  alterCollectionFunction: { ...named, collectionID: 'used', functionName: 'used', functionSchema: 'used' },
  dropCollectionFunction: { ...named, collectionID: 'used', functionName: 'used' },
  runAnalyzer: {
    ...named,
    analyzerParams: 'used',
    placeholder: 'used',
    withDetail: 'used',
    withHash: 'used',
    fieldName: 'used',
    analyzerNames: 'used',
  },
  computePhraseMatchSlop: { base, analyzerParams: 'used', queryText: 'used', dataTexts: 'used' },
  createPartition: { ...named, partitionName: 'used' },
  dropPartition: { ...named, partitionName: 'used' },
  hasPartition: { ...named, partitionName: 'used' },
  loadPartitions: { ...loads, partitionNames: 'used' },
  releasePartitions: { ...named, partitionNames: 'used' },
  getPartitionStatistics: { ...named, partitionName: 'used' },
  showPartitions: { ...named, collectionID: 'used', partitionNames: 'used', type: 'used' },
  createNamespace: { ...named, namespaceName: 'used' },
  describeNamespace: { ...named, namespaceName: 'used' },
  listNamespaces: { ...named, prefix: 'used', pageSize: 'used', pageToken: 'used' },
  dropNamespace: { ...named, namespaceName: 'used' },
  hasNamespace: { ...named, namespaceName: 'used' },
  getNamespaceStats: {
    ...named,
    namespaceName: 'used',
    exact: { refused: 'count(*) with the namespace counts the rows there are' },
  },
  getLoadingProgress: { ...named, partitionNames: 'used' },
  getLoadState: { ...named, partitionNames: 'used' },
  truncateCollection: named,
  alterCollection: { ...named, collectionID: 'used', properties: 'used', deleteKeys: 'used' },
  alterDatabase: {
    base,
    dbName: 'used',
    dbId: { ignored: 'the name says which' },
    properties: 'used',
    deleteKeys: 'used',
  },
  renameCollection: { base, dbName: 'used', oldName: 'used', newName: 'used', newDBName: 'used' },
  createAlias: { ...named, alias: 'used' },
  alterAlias: { ...named, alias: 'used' },
  dropAlias: { base, dbName: 'used', alias: 'used' },
  describeAlias: { base, dbName: 'used', alias: 'used' },
  listAliases: named,
  createIndex: { ...named, fieldName: 'used', extraParams: 'used', indexName: 'used' },
  alterIndex: { ...named, indexName: 'used', extraParams: 'used', deleteKeys: 'used' },
  describeIndex: { ...named, fieldName: 'used', indexName: 'used', timestamp: counted },
  getIndexStatistics: { ...named, indexName: 'used', timestamp: counted },
  getIndexState: { ...named, fieldName: 'used', indexName: 'used' },
  getIndexBuildProgress: { ...named, fieldName: 'used', indexName: 'used' },
  dropIndex: { ...named, fieldName: 'used', indexName: 'used' },
  insert: { ...rows, fieldsData: 'used', numRows: 'used', schemaTimestamp: 'used' },
  delete: {
    ...rows,
    expr: 'used',
    exprTemplateValues: 'used',
    consistencyLevel: { ignored: 'a delete by key reads nothing' },
  },
  upsert: {
    ...rows,
    fieldsData: 'used',
    numRows: 'used',
    schemaTimestamp: 'used',
    partialUpdate: 'used',
    fieldOps: 'used',
  },
  search: {
    ...reads,
    dsl: 'used',
    dslType: { ignored: 'the text is read as a boolean expression, the only kind that clients still write' },
    searchInput: 'used',
    searchParams: 'used',
    nq: { ignored: 'the query vectors are counted' },
    searchByPrimaryKeys: { refused: 'query vectors are not looked up by key' },
    subReqs: { refused: 'hybrid search is not supported' },
    functionScore: 'used',
    highlighter: 'used',
    searchAggregation: 'used',
    functionChains: 'used',
  },
  hybridSearch: {
    ...named,
    ...consistency,
    partitionNames: 'used',
    requests: 'used',
    rankParams: 'used',
    travelTimestamp: reads.travelTimestamp,
    guaranteeTimestamp: 'used',
    notReturnAllMeta: reads.notReturnAllMeta,
    outputFields: 'used',
    functionScore: 'used',
    namespace: 'used',
    functionChains: 'used',
  },
  flush: { base, dbName: 'used', collectionNames: 'used' },
  flushAll: { base, dbName: 'used', flushTargets: 'used' },
  getFlushAllState: {
    base,
    flushAllTs: 'used',
    dbName: 'used',
    flushTargets: 'used',
    flushAllTss: 'used',
  },
  query: { ...reads, expr: 'used', queryParams: 'used' },
  getFlushState: { segmentIDs: 'used', flushTs: 'used', dbName: 'used', collectionName: 'used' },
  getPersistentSegmentInfo: { ...named, states: 'used' },
  getQuerySegmentInfo: named,
  loadBalance: {
    base,
    srcNodeID: 'used',
    dstNodeIDs: 'used',
    sealedSegmentIDs: 'used',
    collectionName: 'used',
    dbName: 'used',
  },
  listIndexedSegment: { base, collectionName: 'used', indexName: 'used' },
  createResourceGroup: { base, resourceGroup: 'used', config: 'used' },
  updateResourceGroups: { base, resourceGroups: 'used' },
  dropResourceGroup: { base, resourceGroup: 'used' },
  transferNode: { base, sourceResourceGroup: 'used', targetResourceGroup: 'used', numNode: 'used' },
  transferReplica: {
    ...named,
    sourceResourceGroup: 'used',
    targetResourceGroup: 'used',
    numReplica: 'used',
  },
  addFileResource: { base, name: 'used', path: 'used' },
  removeFileResource: { base, name: 'used' },
  listFileResources: { base },
  listResourceGroups: { base },
  describeResourceGroup: { base, resourceGroup: 'used' },
  getReplicas: { ...named, collectionID: 'used', withShardNodes: 'used' },
  getMetrics: { base, request: 'used' },
  dummy: { requestType: { ignored: 'the call only shows that the server answers' } },
  getComponentStates: {},
  import: {
    collectionName: 'used',
    partitionName: 'used',
    channelNames: { ignored: 'rows go to the channels that their keys choose' },
    rowBased: { ignored: 'the names of the files say their format' },
    files: 'used',
    options: 'used',
    dbName: 'used',
    clusteringInfo: { refused: 'rows are not clustered' },
    idempotencyKey: 'used',
  },
  getImportState: { task: 'used' },
  manualCompaction: {
    dbName: 'used',
    collectionName: 'used',
    collectionID: 'used',
    timetravel: { ignored: 'rows are kept for iterators that are under way, and for no other time' },
    majorCompaction: 'used',
    partitionId: 'used',
    channel: 'used',
    segmentIds: 'used',
    l0Compaction: 'used',
    targetSize: 'used',
  },
  getCompactionState: { compactionID: 'used' },
  getCompactionStateWithPlans: {
    compactionID: 'used',
    dbName: 'used',
    collectionName: 'used',
    collectionId: { ignored: 'it is from a proxy to DataCoord, and clients name the collection' },
  },
  listImportTasks: { collectionName: 'used', limit: 'used', dbName: 'used' },
  getVersion: {},
  checkHealth: {},
  connect: { base, clientInfo: 'used' },
  allocTimestamp: { base },
  createDatabase: { base, dbName: 'used', properties: 'used' },
  dropDatabase: { base, dbName: 'used' },
  listDatabases: { base },
  describeDatabase: { base, dbName: 'used' },
  createCredential: { base, username: 'used', password: 'used', ...userTimes, description: 'used' },
  updateCredential: {
    ...{
      base,
      username: 'used',
      oldPassword: 'used',
      newPassword: 'used',
      ...userTimes,
      description: 'used',
    },
  },
  deleteCredential: { base, username: 'used' },
  listCredUsers: { base },
  addUserTags: { base, userName: 'used', tags: 'used' },
  deleteUserTags: { base, userName: 'used', tagKeys: 'used' },
  getUserTags: { base, userName: 'used' },
  listUsersWithTag: { base, tagKey: 'used', tagValue: 'used' },
  createRole: { base, entity: 'used' },
  alterRole: { base, roleName: 'used', description: 'used' },
  dropRole: { base, roleName: 'used', forceDrop: 'used' },
  operateUserRole: { base, username: 'used', roleName: 'used', type: 'used' },
  selectRole: { base, role: 'used', includeUserInfo: 'used' },
  selectUser: { base, user: 'used', includeRoleInfo: 'used' },
  operatePrivilege: {
    ...{ base, entity: 'used', type: 'used' },
    version: { ignored: 'the entity says the same in all versions' },
  },
  operatePrivilegeV2: {
    ...{ base, role: 'used', grantor: 'used', type: 'used', dbName: 'used', collectionName: 'used' },
  },
  selectGrant: { base, entity: 'used' },
  backupRBAC: { base },
  registerLink: {},
  getReplicateConfiguration: {},
  updateReplicateConfiguration: {
    replicateConfiguration: 'used',
    forcePromote: { refused: 'no other cluster is there that could be the primary' },
  },
  getReplicateInfo: { sourceClusterId: 'used', targetPchannel: 'used' },
  createReplicateStream: { request: 'used' },
  dumpMessages: {
    ...{ pchannel: 'used', startMessageId: notDumped, startTimetick: notDumped, endTimetick: notDumped },
    includeStartMessage: notDumped,
  },
  restoreRBAC: { base, RBACMeta: 'used' },
  createPrivilegeGroup: { base, groupName: 'used' },
  dropPrivilegeGroup: { base, groupName: 'used' },
  listPrivilegeGroups: { base },
  operatePrivilegeGroup: { base, groupName: 'used', privileges: 'used', type: 'used' },
} as const satisfies { readonly [Method in keyof Methods]?: Decisions<Method> };

const importJob = { dbName: 'used', collectionName: 'used', collectionID: 'used', jobId: 'used' } as const;
const ownFields = {
  commitImport: importJob,
  abortImport: importJob,
  explainOperations: { kind: 'used', dbName: 'used', collectionName: 'used' },
} as const satisfies {
  readonly [Method in keyof OwnMethods]: {
    readonly [Field in keyof RequestOf<OwnMethods[Method]>]-?: FieldDecision;
  };
};

export type ServedMethod = keyof typeof requestFields;

/** `travelTimestamp` as the protocol writes it; an `ID` at the end and an `RBAC` in front stay as they are. */
export const wireName = (field: string): string =>
  field.replaceAll(
    /(?<=[a-z0-9])[A-Z](?!Ds?$)|(?<=[A-Z])[A-Z](?=[a-z]{2})/g,
    (letter) => `_${letter.toLowerCase()}`,
  );

function isSet(value: unknown): boolean {
  if (value === undefined || value === false || value === 0 || value === 0n || value === '') return false;
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length > 0;
  return true;
}

type RefusedField = readonly [field: string, why: string];
const refusedFields: ReadonlyMap<string, readonly RefusedField[]> = new Map(
  Object.entries({ ...requestFields, ...ownFields }).map(([method, fields]) => [
    method,
    Object.entries<FieldDecision>(fields).flatMap(([field, decision]): [string, string][] =>
      typeof decision === 'object' && 'refused' in decision ? [[field, decision.refused]] : [],
    ),
  ]),
);

function refuseSet(refused: readonly RefusedField[], request: Readonly<Record<string, unknown>>): void {
  for (let at = 0; at < refused.length; at++) {
    const [field, why] = refused[at] as RefusedField;
    if (!isSet(request[field])) continue;
    throw new ElanusError(
      'unsupported',
      `${wireName(field)} is not supported in this version: ${why}; leave it out of the request`,
    );
  }
}

/** @throws unsupported when the request sets a field that this version would have to pass over */
export function refuseUnsupported(method: string, request: object): void {
  refuseSet(refusedFields.get(method) ?? [], request as Readonly<Record<string, unknown>>);
}
