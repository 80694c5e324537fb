// The one table of the public API: every method of MilvusService, served by its area or named as not built. What serves it and what
// becomes of its fields (request-fields.ts) belong together, and a method without an entry does not compile.
import { AliasMethods } from '#roles/proxy/aliases/alias-methods.js';
import { CollectionMethods } from '#roles/proxy/collections/collection-methods.js';
import { SchemaMethods } from '#roles/proxy/collections/schema-methods.js';
import { FlushAllMethods } from '#roles/proxy/data/flush-all-methods.js';
import { FlushMethods } from '#roles/proxy/data/flush-methods.js';
import { WriteMethods } from '#roles/proxy/data/write-methods.js';
import { DatabaseMethods } from '#roles/proxy/databases/database-methods.js';
import { ImportMethods } from '#roles/proxy/imports/import-methods.js';
import { IndexMethods } from '#roles/proxy/indexes/index-methods.js';
import { LoadingMethods } from '#roles/proxy/loading/loading-methods.js';
import { NamespaceMethods } from '#roles/proxy/namespaces/namespace-methods.js';
import { CompactionMethods } from '#roles/proxy/nodes/compaction-methods.js';
import { ResourceGroupMethods } from '#roles/proxy/nodes/resource-group-methods.js';
import { SegmentMethods } from '#roles/proxy/nodes/segment-methods.js';
import { PartitionMethods } from '#roles/proxy/partitions/partition-methods.js';
import { QueryMethods } from '#roles/proxy/query/query-methods.js';
import { ReplicationMethods } from '#roles/proxy/replication/replication-methods.js';
import { SearchMethods } from '#roles/proxy/search/search-methods.js';
import { AnalyzerMethods } from '#roles/proxy/text/analyzer-methods.js';
import { FileResourceMethods } from '#roles/proxy/text/file-resource-methods.js';
import { BackupMethods } from '#roles/proxy/users/backup-methods.js';
import { CredentialMethods } from '#roles/proxy/users/credential-methods.js';
import { GrantMethods } from '#roles/proxy/users/grant-methods.js';
import { RoleMethods } from '#roles/proxy/users/role-methods.js';
import { SessionMethods } from '#roles/proxy/users/session-methods.js';
import { TagMethods } from '#roles/proxy/users/tag-methods.js';
import type { NotBuilt, ProxyParts, PublicHandler, PublicMethod } from './proxy-parts.js';
import type { ServedMethod } from './request-fields.js';
import { unsupportedMethods } from './unsupported-methods.js';

export type MethodTable = {
  readonly [Method in PublicMethod]: Method extends ServedMethod ? PublicHandler<Method> : NotBuilt;
};

export function methodTable(parts: ProxyParts): MethodTable {
  return {
    ...unsupportedMethods,
    ...new DatabaseMethods(parts),
    ...new CollectionMethods(parts),
    ...new AliasMethods(parts),
    ...new SchemaMethods(parts),
    ...new PartitionMethods(parts),
    ...new NamespaceMethods(parts),
    ...new IndexMethods(parts),
    ...new LoadingMethods(parts),
    ...new ResourceGroupMethods(parts),
    ...new SegmentMethods(parts),
    ...new WriteMethods(parts),
    ...new FlushMethods(parts),
    ...new FlushAllMethods(parts),
    ...new SearchMethods(parts),
    ...new QueryMethods(parts),
    ...new AnalyzerMethods(parts),
    ...new FileResourceMethods(parts),
    ...new ImportMethods(parts),
    ...new CompactionMethods(parts),
    ...new SessionMethods(parts),
    ...new CredentialMethods(parts),
    ...new TagMethods(parts),
    ...new RoleMethods(parts),
    ...new GrantMethods(parts),
    ...new BackupMethods(parts),
    ...new ReplicationMethods(),
  };
}
