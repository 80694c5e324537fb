// Privileges by the names that clients use, without the word Privilege in front: their levels, the kinds of object that they are granted on,
// the groups that every database has, and what comes along with what. The facts are Milvus's.
import { ObjectPrivilege } from '#proto/milvus/common.js';

const WORD = 'Privilege';
const GROUP_WORD = 'PrivilegeGroup';
export const ALL_PRIVILEGES = 'All';
export const ANY = '*';
export type ObjectType = 'Collection' | 'Global' | 'User';
export type PrivilegeLevel = 'cluster' | 'database' | 'collection';

const collectionReads = [
  ...[
    'Query',
    'Search',
    'IndexDetail',
    'GetFlushState',
    'GetLoadState',
    'GetLoadingProgress',
    'HasPartition',
  ],
  ...['ShowPartitions', 'DescribeCollection', 'DescribeAlias', 'GetStatistics', 'ListAliases'],
] as const;
const collectionWrites = [
  ...['Load', 'Release', 'Insert', 'Delete', 'Upsert', 'Import', 'Flush', 'Compaction', 'LoadBalance'],
  ...['CreateIndex', 'DropIndex', 'CreatePartition', 'DropPartition'],
  ...['AddCollectionField', 'AlterCollectionSchema', 'GetImportProgress', 'ListImport'],
] as const;
const snapshots = [
  ...['CreateSnapshot', 'DropSnapshot', 'DescribeSnapshot', 'ListSnapshots', 'RestoreSnapshot'],
] as const;
const collectionAdmin = ['CreateAlias', 'DropAlias', 'RefreshExternalCollection', ...snapshots] as const;
const databaseReads = ['ShowCollections', 'DescribeDatabase'] as const;
const databaseAdmin = ['CreateCollection', 'DropCollection'] as const;
const clusterReads = [
  ...['ListDatabases', 'SelectOwnership', 'SelectUser', 'DescribeResourceGroup', 'ListResourceGroups'],
  ...['ListPrivilegeGroups', 'ListFileResources', 'GetReplicateConfiguration'],
] as const;
const clusterWrites = ['FlushAll', 'TransferNode', 'TransferReplica', 'UpdateResourceGroups'] as const;
const clusterAdmin = [
  ...['BackupRBAC', 'RestoreRBAC', 'CreateDatabase', 'DropDatabase', 'CreateOwnership', 'DropOwnership'],
  ...['ManageOwnership', 'CreateResourceGroup', 'DropResourceGroup', 'UpdateUser', 'RenameCollection'],
  ...['CreatePrivilegeGroup', 'DropPrivilegeGroup', 'OperatePrivilegeGroup'],
  ...['AddFileResource', 'RemoveFileResource', 'UpdateReplicateConfiguration', 'RestoreExternalSnapshot'],
  ...['ExportSnapshot', 'PinSnapshotData', 'UnpinSnapshotData'],
] as const;

export type Privilege =
  | (typeof collectionReads)[number]
  | (typeof collectionWrites)[number]
  | (typeof collectionAdmin)[number]
  | (typeof databaseReads)[number]
  | 'AlterDatabase'
  | (typeof databaseAdmin)[number]
  | (typeof clusterReads)[number]
  | (typeof clusterWrites)[number]
  | (typeof clusterAdmin)[number];

const collectionAll = [...collectionReads, ...collectionWrites, ...collectionAdmin];
const databaseAll = [...databaseReads, 'AlterDatabase', ...databaseAdmin];
const clusterAll = [...clusterReads, ...clusterWrites, ...clusterAdmin];

/** The nine groups that every database has. */
const builtInGroups: Readonly<Record<string, readonly string[]>> = {
  CollectionReadOnly: collectionReads,
  CollectionReadWrite: [...collectionReads, ...collectionWrites],
  CollectionAdmin: collectionAll,
  DatabaseReadOnly: databaseReads,
  DatabaseReadWrite: [...databaseReads, 'AlterDatabase'],
  DatabaseAdmin: databaseAll,
  ClusterReadOnly: clusterReads,
  ClusterReadWrite: [...clusterReads, ...clusterWrites],
  ClusterAdmin: clusterAll,
};

/** Groups of Milvus 2.4, which clients may still name. */
const oldReads = [...collectionReads, 'ShowCollections', 'ListDatabases', 'DescribeDatabase'];
const oldWrites = [...oldReads, ...collectionWrites, 'RenameCollection', 'CreateAlias', 'DropAlias'];
const oldGroups: Readonly<Record<string, readonly string[]>> = {
  ReadOnly: oldReads,
  ReadWrite: oldWrites,
  Admin: [...collectionAll, ...databaseAll, ...clusterAll],
};

const comesWith: Readonly<Record<string, readonly string[]>> = {
  Load: ['GetLoadState', 'GetLoadingProgress'],
  Flush: ['GetFlushState'],
  Import: ['GetImportProgress', 'ListImport'],
};

const users: ReadonlySet<string> = new Set(['UpdateUser', 'SelectUser']);
const globals: ReadonlySet<string> = new Set([
  ...['DescribeCollection', 'DescribeAlias', 'ListAliases', 'CreateAlias', 'DropAlias', ALL_PRIVILEGES],
  ...databaseAll,
  ...clusterAll.filter((name) => !users.has(name)),
]);

const known: ReadonlySet<string> = new Set(
  Object.keys(ObjectPrivilege).filter((name) => name.startsWith(WORD)),
);
export const isPrivilege = (name: string): boolean =>
  known.has(`${WORD}${name}`) && !known.has(`${GROUP_WORD}${name}`) && !name.startsWith('Group');

/** @returns undefined for what is no group of every database */
export const builtInGroup = (name: string): readonly string[] | undefined =>
  Object.hasOwn(builtInGroups, name)
    ? builtInGroups[name]
    : Object.hasOwn(oldGroups, name)
      ? oldGroups[name]
      : undefined;

/** What one privilege stands for: itself, and what comes along with it. */
export const withRelated = (privilege: string): readonly string[] =>
  Object.hasOwn(comesWith, privilege) ? [privilege, ...(comesWith[privilege] ?? [])] : [privilege];

/** @returns undefined for privileges without a level of their own */
export function levelOf(privilege: string): PrivilegeLevel | undefined {
  if (clusterAll.some((name) => name === privilege)) return 'cluster';
  if (databaseAll.some((name) => name === privilege)) return 'database';
  return collectionAll.some((name) => name === privilege) ? 'collection' : undefined;
}

/** The kind of object that a privilege belongs to, as SelectGrant names it for grants that did not. */
export function objectTypeOf(privilege: string): ObjectType {
  if (users.has(privilege)) return 'User';
  return globals.has(privilege) || !isPrivilege(privilege) ? 'Global' : 'Collection';
}

const everyPrivilege: readonly string[] = [...collectionAll, ...databaseAll, ...clusterAll];
export const privilegesOf = (type: ObjectType): readonly string[] =>
  everyPrivilege.filter((name) => objectTypeOf(name) === type);

const quiet: ReadonlySet<string> = new Set<string>([
  ...[...collectionReads, ...databaseReads, ...clusterReads],
  ...['Insert', 'Delete', 'Upsert', 'Flush', 'FlushAll', 'GetImportProgress', 'ListImport'],
  ...['DescribeSnapshot', 'ListSnapshots'],
]);
/** Reads, and writes of rows: what happens many times a second, and changes neither definitions nor rights. */
export const isQuiet = (privilege: Privilege): boolean => quiet.has(privilege);

/** Whether a grant may name the privilege together with that kind of object. */
export const belongsTo = (privilege: string, type: ObjectType): boolean =>
  privilege === ANY ||
  objectTypeOf(privilege) === type ||
  (type === 'Collection' && (privilege === 'ReadOnly' || privilege === 'ReadWrite'));

export const isObjectType = (name: string): name is ObjectType =>
  name === 'Collection' || name === 'Global' || name === 'User';
